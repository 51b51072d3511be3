import copy

import pytest

from experience_replay_optimizer import LinearSchedule
from experience_replay_optimizer.schedules import FunctionSchedule, IncrementSchedule, as_beta_schedule


def test_linear_schedule_starts_at_start_and_stays_at_end():
    schedule = LinearSchedule(0.4, 1.0, 3)
    assert [schedule() for _ in range(6)] == pytest.approx([0.4, 0.6, 0.8, 1.0, 1.0, 1.0])
    assert schedule.value == 1.0
    assert LinearSchedule(1.0, 0.0, 2)() == 1.0


def test_looking_does_not_move():
    schedule = LinearSchedule(0.4, 1.0, 3)
    assert schedule.value == schedule.value == 0.4
    assert "LinearSchedule(0.4, 1, 3)" in repr(schedule)
    assert copy.deepcopy(schedule)() == 0.4


def test_increments_stop_at_one():
    schedule = IncrementSchedule(0.9, 0.06)
    assert [schedule() for _ in range(4)] == pytest.approx([0.9, 0.96, 1.0, 1.0])
    assert [IncrementSchedule(0.4, 0.0)() for _ in range(3)] == [0.4] * 3


def test_functions_are_asked_each_time():
    values = iter([0.1, 0.2])
    schedule = FunctionSchedule(lambda: next(values))
    assert (schedule(), schedule.value) == (0.1, 0.2)
    assert isinstance(as_beta_schedule(lambda: 0.5, 0.1), FunctionSchedule)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ((0.4, 1.0, 0), ValueError),
        ((0.4, 1.0, 10.0), TypeError),
        ((float("nan"), 1.0, 5), ValueError),
        (("low", 1.0, 5), TypeError),
    ],
)
def test_refuses(arguments, error):
    with pytest.raises(error):
        LinearSchedule(*arguments)
