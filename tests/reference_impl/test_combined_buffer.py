import numpy as np
import pytest

from experience_replay_optimizer import AdvancedReplayBuffer, CombinedReplayBuffer


def test_the_specifications_name_and_default_capacity():
    assert AdvancedReplayBuffer is CombinedReplayBuffer
    assert AdvancedReplayBuffer().capacity == 100_000
    assert AdvancedReplayBuffer(capacity=1000).capacity == 1000


def test_a_batch_mixes_prioritised_recent_and_rare():
    buffer = AdvancedReplayBuffer(capacity=1000, seed=0)
    for step in range(900):
        buffer.add(step, 0, 5.0 if step == 100 else 0.1 * (step % 2), step + 1, False, info={"conversion": step == 200})
    assert buffer.protected.tolist() == [100, 200]
    counts = np.zeros(2)
    for _ in range(200):
        batch, weights, indices = buffer.sample(100)
        buffer.prioritized_buffer.update_priorities(indices, np.full(100, 0.5))
        counts += [(batch.states >= 700).sum(), np.isin(batch.states, [100, 200]).sum()]
        assert weights.max() == 1.0
    # 4 rows are rare (twice two events), 20 recent, 76 by priority, of which 200 / 900 are recent as well
    assert counts[1] / 200 == pytest.approx(4.2, abs=0.3)
    assert counts[0] / 200 == pytest.approx(20 + 76 * 200 / 900, abs=2.0)


def test_rare_events_outlive_three_times_the_capacity():
    buffer = CombinedReplayBuffer(100, seed=0)
    for step in range(400):
        buffer.add(step, 0, 50.0 if step == 30 else float(step % 3), step, False)
    assert next(iter(buffer))[0] == 30


def test_objects_as_well():
    buffer = CombinedReplayBuffer(50, reward=1, seed=0)
    buffer.extend(("step", float(step % 2)) for step in range(70))
    batch, _, indices = buffer.sample(10)
    assert type(batch) is list
    buffer.update_priorities(indices, np.ones(10))
    assert len(buffer) == 50
