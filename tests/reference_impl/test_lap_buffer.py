import numpy as np
import pytest

from experience_replay_optimizer import LapReplayBuffer


def test_draws_by_errors_above_the_minimum_with_ones_for_weights():
    buffer = LapReplayBuffer(100, seed=0)
    for step in range(100):
        buffer.add(step, 0, 0.0, step + 1, False)
    errors = np.where(np.arange(100) < 50, 0.01, 32.0)  # 0.01 counts as the minimum, 32^0.4 = 4
    for _ in range(200):
        batch, weights, indices = buffer.sample(50)
        buffer.update_priorities(indices, errors[batch.states.astype(int)])
        assert weights.tolist() == [1.0] * 50
    drawn = np.concatenate([buffer.sample(100)[2] for _ in range(100)])
    assert (drawn >= 50).mean() == pytest.approx(0.8, abs=0.02)


def test_objects_as_well():
    buffer = LapReplayBuffer(5, alpha=1.0, minimum=0.5, seed=0)
    items = [("step", number) for number in range(7)]
    buffer.extend(items)
    batch, _, indices = buffer.sample(4)
    assert all(any(item is one for one in items[2:]) for item in batch)
    buffer.update_priorities(indices, np.zeros(4))
    assert buffer.max_priority == 1.0


@pytest.mark.parametrize("options", [{"minimum": 0.0}, {"alpha": -1.0}, {"capacity": 0}])
def test_refused(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        LapReplayBuffer(**{"capacity": 4, **options})
