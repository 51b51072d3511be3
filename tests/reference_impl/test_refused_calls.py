"""Calls that are refused change nothing, in every engine and by the short ways too."""

import pickle
import threading
import warnings

import numpy as np
import pytest

from experience_replay_optimizer import (
    ColumnStorage,
    CombinedReplayBuffer,
    LinearSchedule,
    NextByIndexStorage,
    PrioritizedReplayBuffer,
    PrioritizedSampler,
    ReplayBuffer,
)

pytestmark = pytest.mark.usefixtures("engine")
STATE = np.zeros(4, np.float32)


def filled(count, capacity=10, **options):
    buffer = PrioritizedReplayBuffer(capacity, **{"seed": 0, **options})
    for at in range(count):
        buffer.add(STATE + at, at, 0.0, STATE + at + 1, False)
    return buffer


def rows(count, rewards):
    states = np.zeros((count, 4), np.float32)
    return states, np.zeros(count, np.int64), rewards, states, np.zeros(count, np.bool_)


@pytest.mark.parametrize("batched", [False, True])
def test_a_protected_transition_stays_where_it_is_when_what_would_take_its_place_is_refused(batched):
    buffer = CombinedReplayBuffer(10, storage=NextByIndexStorage(), rare_quota=0.2, recent_size=1.0, seed=0)
    for at in range(8):
        buffer.add(np.full(2, float(at)), at, 0.0, np.full(2, at + 1.0), False)
    buffer.protect([0])
    call, many = (buffer.add_batch, (2,)) if batched else (buffer.add, ())
    with pytest.raises(ValueError, match="state has shape"):
        call(np.zeros((*many, 3)), np.zeros(many), np.zeros(many), np.zeros((*many, 3)), np.zeros(many))
    assert buffer.protected.tolist() == [0]
    assert len(buffer) == 8
    for _ in range(20):
        buffer.update_priorities(buffer.sample(8).indices, np.ones(8))
    buffer.add(np.zeros(2), 0, 0.0, np.zeros(2), False)
    assert len(buffer) == 9
    assert buffer.protected.tolist() != [0]
    assert buffer[0][1] == 0  # moved, and the oldest still


@pytest.mark.parametrize("dtype", ["int64", "float16"])
def test_a_declared_reward_column_is_never_truncated(dtype):
    buffer = PrioritizedReplayBuffer(4, storage=ColumnStorage({"reward": ((), dtype)}))
    buffer.add(STATE, 0, 1.0, STATE, False)
    with pytest.raises(ValueError, match="reward"):
        buffer.add(STATE, 0, 0.5 if dtype == "int64" else 1e6, STATE, False)
    assert len(buffer) == 1


def test_nan_is_refused_for_stale_handles_too():
    buffer = filled(12)
    with pytest.raises(ValueError, match="not finite"):
        buffer.update_priorities(np.array([0]), np.array([np.nan]))
    assert buffer.stale_updates == 0


def test_priorities_beyond_what_can_be_summed_are_refused():
    sampler = PrioritizedSampler(4, alpha=2.0)
    sampler.add(0)
    for error in (1e300, 1e30):
        with pytest.raises(ValueError, match="cannot be"):
            sampler.update(np.array([0]), np.array([error]))
    assert sampler.max_priority == 1.0


def test_an_action_beyond_64_bits_is_refused():
    buffer = filled(1)
    with pytest.raises(TypeError, match="action"):
        buffer.add(STATE, 2**70, 0.0, STATE, False)
    assert len(buffer) == 1


@pytest.mark.parametrize("rewards", [[], 0.0, [[0.0, 0.0], [0.0, 0.0]]])
def test_columns_of_different_lengths_are_refused(rewards):
    buffer = filled(1)
    with pytest.raises(ValueError, match=r"must have"):
        buffer.add_batch(*rows(5, rewards))
    assert len(buffer) == 1


def test_large_and_half_precision_rewards_are_stored_without_a_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        buffer = filled(30, capacity=100)
        buffer.add_batch(*rows(3, np.full(3, 1e19, np.float32)))
        buffer.add_batch(*rows(30, np.full(30, 300.0, np.float16)))
        assert buffer[-1][2] == 300.0
        integers = PrioritizedReplayBuffer(4)
        integers.add(np.zeros(2, int), 0, 0.0, np.zeros(2, int), False)
        integers.add(np.zeros(2, np.float16), 0, 0.0, np.zeros(2, int), False)


def test_half_precision_rewards_leave_the_detector_sound():
    buffer = filled(0, capacity=100)
    for at in range(30):
        buffer.add(STATE, 0, 300.0 + at % 2, STATE, False)
    buffer.add_batch(*rows(30, np.full(30, 300.0, np.float16)))
    before = buffer.protected.size
    buffer.add(STATE, 0, 1e9, STATE, False)
    assert buffer.protected.size == before + 1


def test_a_smaller_quota_does_not_drop_protections_when_loading(tmp_path):
    buffer = filled(10, rare_quota=0.5)
    buffer.protect(range(4))
    buffer.save(tmp_path / "buffer")
    other = filled(3, rare_quota=0.1)
    with pytest.raises(ValueError, match="4 slots are kept in a set of 1 at most"):
        other.load(tmp_path / "buffer")
    assert len(other) == 3


def test_a_schedule_of_beta_that_ends_above_1_is_refused():
    with pytest.raises(ValueError, match="end of the schedule"):
        PrioritizedReplayBuffer(4, beta=LinearSchedule(0.4, 1.5, 3))


def test_a_sampler_in_use_is_refused():
    sampler = PrioritizedSampler(4)
    sampler.add(0)
    with pytest.raises(ValueError, match="give each buffer a new one"):
        ReplayBuffer(sampler)
    sampler = PrioritizedSampler(4)
    ReplayBuffer(sampler)
    with pytest.raises(ValueError, match="give each buffer a new one"):
        ReplayBuffer(sampler)


@pytest.mark.parametrize("rare", ["False", np.nan, 7, [True, True]])
def test_verdicts_must_be_flags(rare):
    sampler = PrioritizedSampler(4)
    with pytest.raises(ValueError, match="rare"):
        sampler.add(0, 0.0, rare=rare)
    assert len(sampler) == 0


def test_a_samplers_own_test_is_asked_behind_a_buffer():
    for batched in (False, True):
        buffer = ReplayBuffer(PrioritizedSampler(100, is_rare=lambda reward: reward == 1.0, seed=0))
        rewards = (np.arange(60) % 10 == 0).astype(float)
        if batched:
            buffer.add_batch(*rows(60, rewards))
        else:
            for reward in rewards.tolist():
                buffer.add(STATE, 0, reward, STATE, False)
        assert buffer.protected.tolist() == [0, 10, 20, 30, 40, 50]


def test_keys_of_observations_stay_within_the_directory(tmp_path):
    buffer = PrioritizedReplayBuffer(4, storage=ColumnStorage(directory=tmp_path / "columns"))
    state = {"cam/left": np.zeros(2), "a.b": 1.0, "a": {"b": 2.0}, "../x": 3.0}
    buffer.add(state, 0, 0.0, state, False)
    assert [path.name for path in tmp_path.iterdir()] == ["columns"]
    assert len(list((tmp_path / "columns").iterdir())) == 2 * 4 + 3
    assert buffer[0][0]["a"]["b"] == 2.0
    assert buffer[0][0]["a.b"] == 1.0


def test_copies_made_while_another_thread_adds_are_whole():
    buffer, stop = PrioritizedReplayBuffer(300, rare_fraction=0), threading.Event()

    def write():
        number = 0
        while not stop.is_set():
            numbers = np.arange(number, number + 100)
            buffer.add_batch(numbers.astype(float), numbers, np.zeros(100), numbers, np.zeros(100, bool))
            number += 100

    thread = threading.Thread(target=write)
    thread.start()
    try:
        for _ in range(100):
            copied = pickle.loads(pickle.dumps(buffer))
            states = [row[0] for row in copied]
            assert states == [row[1] for row in copied]
            assert len(copied) == np.count_nonzero(copied.handles >= 0)
    finally:
        stop.set()
        thread.join()
