import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import experience_replay_optimizer.tensors_out as module
from experience_replay_optimizer.tensors_out import PrioritizedReplayBuffer, ReplayBuffer


def filled(kind, count=100, capacity=100, **options):
    buffer = kind(capacity, **{"seed": 0, **options})
    for i in range(count):
        buffer.push(np.array([i * 0.01, np.sin(i), 0, 1]), i % 2, float(i % 10 == 0), np.zeros(4), i == count - 1)
    return buffer


def test_batches_are_tensors_of_the_transitions():
    torch = pytest.importorskip("torch")
    states, actions, rewards, next_states, dones = filled(ReplayBuffer).sample(100)
    for tensor, dtype in ((states, torch.float32), (actions, torch.int64), (rewards, torch.float32)):
        assert tensor.dtype == dtype
    assert next_states.dtype == dones.dtype == torch.float32
    assert (states.shape, rewards.shape, dones.shape) == ((100, 4), (100,), (100,))
    steps = (states[:, 0] * 100).round().long()
    # No transition twice: a batch of all is all of them, out of order.
    assert sorted(steps.tolist()) == list(range(100))
    assert steps.tolist() != list(range(100))
    assert (actions == steps % 2).all()
    assert ((rewards == 1) == (steps % 10 == 0)).all()
    assert ((dones == 1) == (steps == 99)).all()


def test_the_probability_of_each_is_returned():
    torch = pytest.importorskip("torch")
    buffer = filled(PrioritizedReplayBuffer, 5, alpha=0.5, epsilon=0.25)
    buffer.update_priorities(np.arange(5), torch.tensor([0.0, 0.75, -3.75, 8.75, 15.75]))
    assert buffer.priorities[:].tolist() == [0.25, 1.0, 4.0, 9.0, 16.0]
    *columns, indices, probabilities = buffer.sample(5)
    assert len(columns) == 5
    assert isinstance(indices, np.ndarray)
    assert probabilities.dtype == torch.float32
    assert probabilities.tolist() == pytest.approx((np.array([0.5, 1, 2, 3, 4]) / 10.5)[indices])


def test_surprising_transitions_are_drawn_as_often_as_they_should():
    pytest.importorskip("torch")
    buffer = filled(PrioritizedReplayBuffer, alpha=0.6)
    for i in range(0, 100, 10):
        buffer.priorities[i] = 5.0
    high = sum(int((buffer.sample(20)[5] % 10 == 0).sum()) for _ in range(100))
    expected = 2000 * 10 * 5**0.6 / (10 * 5**0.6 + 90)
    # 452 expected, standard deviation 18.7.
    assert abs(high - expected) < 95


def test_priorities_read_and_assign_like_an_array():
    buffer = filled(PrioritizedReplayBuffer, 4, alpha=0.0)
    priorities = buffer.priorities
    assert (len(priorities), list(priorities), max(priorities)) == (4, [1.0] * 4, 1.0)
    priorities[-1] = 2
    priorities[[0, 1]] = [3.0, 4.0]
    priorities[2:3] = 0.5
    assert np.array(priorities).tolist() == [3.0, 4.0, 0.5, 2.0]
    assert priorities[1] == 4.0
    priorities[:][0] = 9.0
    assert priorities[0] == 3.0
    with pytest.raises(IndexError):
        priorities[4]
    with pytest.raises(IndexError):
        priorities[4] = 1.0


def test_new_transitions_get_the_largest_priority():
    buffer = filled(PrioritizedReplayBuffer, 4, capacity=4)
    buffer.priorities[1] = 5.0
    buffer.push(np.zeros(4), 0, 0.0, np.zeros(4), False)
    assert list(buffer.priorities) == [5.0, 5.0, 1.0, 1.0]
    buffer.clear()
    assert list(buffer.priorities) == []


@pytest.mark.parametrize("bad", [0.0, -1.0, 1e-7, math.nan, math.inf])
def test_bad_priorities_are_refused_and_nothing_changes(bad):
    buffer = filled(PrioritizedReplayBuffer, 3)
    with pytest.raises(ValueError, match=r"priority must be at least epsilon|not finite"):
        buffer.priorities[:2] = [2.0, bad]
    if not math.isfinite(bad):
        with pytest.raises(ValueError, match="td_errors"):
            buffer.update_priorities([0, 1], [2.0, bad])
    with pytest.raises(ValueError, match="slot 3 holds no transition"):
        buffer.update_priorities([0, 3], [2.0, 2.0])
    assert list(buffer.priorities) == [1.0] * 3


def test_without_torch_the_error_says_what_to_do():
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "from experience_replay_optimizer.tensors_out import ReplayBuffer\n"
        "buffer = ReplayBuffer(3)\n"
        "buffer.push([0.0], 0, 0.0, [0.0], False)\n"
        "buffer.sample(1)"
    )
    root = str(Path(module.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-c", code], check=False, capture_output=True, text=True, env={"PYTHONPATH": root}
    )
    assert done.returncode == 1
    assert "torch is not installed: pip install torch" in done.stderr
