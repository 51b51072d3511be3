import pickle
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from experience_replay_optimizer import PrioritizedReplayBuffer
from experience_replay_optimizer.storage.columns import ColumnStorage


def opened(capacity=8, **options):
    storage = ColumnStorage(**options)
    storage.open(capacity, 0)
    return storage


def stored(*values_of_state):
    storage = opened()
    for slot, state in enumerate(values_of_state):
        storage.write(slot, (state, 0, 0.0, state, False), {})
    return storage


@pytest.mark.parametrize(
    ("first", "then", "dtype"),
    [
        (1, 0.5, np.float64),
        (np.float32(1), 0.1, np.float32),
        (np.float32(1), 1e300, np.float64),
        (np.float32(1), 1e-60, np.float64),
        (np.float16(1), np.float32(1e6), np.float32),
        (np.uint8(1), 255, np.uint8),
        (np.uint8(1), 256, np.int64),
        (np.uint8(1), -1, np.int64),
        (np.int32(1), 2.0, np.int32),
        (np.int32(1), np.nan, np.float64),
        (True, 1, np.bool_),
        (True, 2, np.int64),
        (1.0, np.inf, np.float64),
    ],
)
@pytest.mark.parametrize("batched", [False, True])
def test_a_column_widens_rather_than_truncates(first, then, dtype, batched):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        storage = stored(first)
        if batched:
            column = np.array([then, then])
            storage.write_batch(np.array([1, 2]), (column, [0, 0], [0.0, 0.0], column, [False, False]), {}, True)
        else:
            storage.write(1, (then, 0, 0.0, then, False), {})
    states = storage.gather(np.array([0, 1])).states
    assert states.dtype == dtype
    assert states[0] == first
    np.testing.assert_allclose(states[1], then, rtol=1e-6)


@pytest.mark.parametrize(("first", "then"), [(np.int64(2**60), 0.5), (np.int64(1), np.uint64(2**63))])
def test_no_wider_dtype_is_refused_and_nothing_changes(first, then):
    storage = stored(first)
    with pytest.raises(ValueError, match=r"state: .* cannot be stored as int64"):
        storage.write(1, (then, 0, 0.0, then, False), {})
    assert storage.row(0)[0] == first
    assert storage.gather(np.array([0, 1])).states.tolist() == [first, 0]


@pytest.mark.parametrize("reward", [1e60, 1e-60, -1e300])
def test_rewards_are_float32_and_widen(reward):
    storage = opened()
    plain = np.zeros(3, np.float32)
    storage.write(0, (plain, 1, 0.0, plain, False), {})
    storage.write(1, (plain, 1, [0.5], plain, np.array([True])), {})
    batch = storage.gather(np.array([0, 1]))
    assert batch.rewards.dtype == np.float32
    assert batch.rewards.tolist() == [0.0, 0.5]
    assert batch.dones.tolist() == [False, True]
    assert batch.next_states.shape == (2, 3)
    other = pickle.loads(pickle.dumps(storage))
    storage.write(2, (plain, 1, reward, plain, False), {})
    rows = np.zeros((2, 3), np.float32)
    other.write_batch(
        np.array([2, 3]), (rows, np.zeros(2, int), np.array([0.0, reward]), rows, np.zeros(2, bool)), {}, True
    )
    assert storage.gather(np.array([1, 2])).rewards.tolist() == [0.5, reward]
    assert other.gather(np.array([1, 2, 3])).rewards.tolist() == [0.5, 0.0, reward]


scalars = st.sampled_from([0, 1, -3, 2**40, 0.5, True, np.float32(2.5), np.int8(7), np.bool_(1)])
rewards = st.sampled_from([0, 1, 2**30, 0.1, -2.5, 1e-50, 1e50, np.float32(0.25), np.float64(3.0), True])


@given(st.lists(st.tuples(scalars, rewards, st.booleans()), min_size=1, max_size=8), st.booleans())
@settings(deadline=None)
def test_the_short_way_stores_what_the_long_way_stores(rows, batched):
    """Arrays of the stored dtype take a short way; lists never do."""
    short, long = opened(), opened()
    for slot, (action, reward, done) in enumerate(rows):
        state = np.array([slot, 0.1], np.float32)
        short.write(slot, (state, action, reward, state + 1, done), {})
        if batched:
            columns = ([state], [action], [reward], [state + 1], [done])
            long.write_batch(np.array([slot]), columns, {}, False)
        else:
            long.write(slot, (list(state), [action][0], [reward], list(state + 1), [done]), {})
    slots = np.arange(len(rows))
    one, other = short.gather(slots), long.gather(slots)
    np.testing.assert_array_equal(one.states, np.asarray(other.states, np.float32))
    np.testing.assert_array_equal(one.actions, other.actions)
    np.testing.assert_array_equal(one.rewards, other.rewards)
    np.testing.assert_array_equal(one.dones, other.dones)
    assert one.rewards.dtype == other.rewards.dtype


def test_other_shapes_are_refused():
    storage = stored(np.zeros(3))
    with pytest.raises(ValueError, match=r"state has shape \(4,\), and the buffer holds \(3,\)"):
        storage.write(1, (np.zeros(4), 0, 0.0, np.zeros(3), False), {})
    with pytest.raises(ValueError, match="action has shape"):
        storage.write(1, (np.zeros(3), [0, 1], 0.0, np.zeros(3), False), {})
    with pytest.raises(ValueError, match="must have 2 rows"):
        storage.write_batch(
            np.array([1, 2]), (np.zeros((1, 3)), [0, 0], [0.0, 0.0], np.zeros((2, 3)), [0, 0]), {}, True
        )
    assert storage.row(0)[1] == 0


def test_rows_and_batches_share_no_memory_with_the_storage():
    storage = stored(np.zeros(3))
    storage.row(0)[0][:] = 7
    storage.gather(np.array([0])).states[:] = 7
    assert storage.row(0)[0].tolist() == [0.0] * 3


def test_dict_observations_and_extra_columns():
    storage = opened()
    for slot in range(3):
        state = {"image": np.full((2, 2), slot, np.uint8), "arm": {"angle": 0.5 * slot, "grip": np.array([slot, 1])}}
        storage.write(slot, (state, 0, 1.0, state, False), {"discount": 0.9, "goal": np.arange(2.0)})
    batch = storage.gather(np.array([2, 1]))
    assert batch.states["image"].dtype == np.uint8
    assert batch.states["arm"]["angle"].tolist() == [1.0, 0.5]
    assert batch.next_states["arm"]["grip"].tolist() == [[2, 1], [1, 1]]
    assert batch["discount"].tolist() == [0.9, 0.9]
    assert batch["goal"].shape == (2, 2)
    row = batch[0]
    assert row[0]["arm"]["grip"].tolist() == [2, 1]
    with pytest.raises(KeyError, match="no extra column 'reward'; there are"):
        batch["reward"]
    with pytest.raises(ValueError, match="discount missing"):
        storage.write(3, (state, 0, 1.0, state, False), {"goal": np.arange(2.0)})
    faster = {**state, "arm": {**state["arm"], "speed": 1.0}}
    with pytest.raises(ValueError, match=r"state\['arm'\]\['speed'\] not stored"):
        storage.write(3, (faster, 0, 1.0, state, False), {"goal": np.arange(2.0), "discount": 1.0})
    with pytest.raises(TypeError, match=r"state\['arm'\] must be numbers"):
        storage.write(3, ({"arm": "left"}, 0, 1.0, state, False), {})


def test_declared_columns_hold_their_dtype():
    storage = opened(columns={"state": {"x": ((2,), "u1")}, "action": ((), "i4"), "discount": ((), np.float32)})
    state = {"x": [1, 2]}
    storage.write(0, (state, 3, 0.5, state, False), {"discount": 1})
    batch = storage.gather(np.array([0]))
    assert batch.states["x"].dtype == np.uint8
    assert batch.actions.dtype == np.int32
    assert batch["discount"].dtype == np.float32
    with pytest.raises(ValueError, match="cannot be declared as uint8"):
        storage.write(1, ({"x": [1, 256]}, 3, 0.5, state, False), {"discount": 1})
    with pytest.raises(ValueError, match="discount is declared, and the first transition has none"):
        opened(columns={"discount": ((), "f4")}).write(0, (0, 0, 0.0, 0, False), {})
    with pytest.raises(ValueError, match=r"state must be declared as \(shape, dtype\)"):
        ColumnStorage({"state": 7})


def test_a_refused_first_transition_leaves_nothing_behind(tmp_path):
    storage = opened(columns={"action": ((), "u1")}, directory=tmp_path)
    with pytest.raises(ValueError, match="action"):
        storage.write(0, (0.5, -1, 0.0, 0.5, False), {})
    assert list(tmp_path.iterdir()) == []
    storage.write(0, (0.5, 1, 0.0, 0.5, False), {})
    assert storage.row(0) == (0.5, 1, 0.0, 0.5, False)


def test_memory_mapped_columns_are_files_that_widen_and_are_never_overwritten(tmp_path):
    storage = opened(directory=tmp_path / "columns")
    storage.write(0, (1, 0, 0.0, 2, False), {})
    storage.write(1, (0.5, 0, 0.0, 2, False), {})
    assert storage.gather(np.array([0, 1])).states.tolist() == [1.0, 0.5]
    assert np.load(tmp_path / "columns" / "state.npy", mmap_mode="r")[:2].tolist() == [1.0, 0.5]
    with pytest.raises(ValueError, match="is there already"):
        opened(directory=tmp_path / "columns").write(0, (1, 0, 0.0, 2, False), {})
    assert storage.row(1)[0] == 0.5
    copy = pickle.loads(pickle.dumps(storage))
    copy.write(0, (7, 0, 0.0, 7, False), {})
    assert storage.row(0)[0] == 1.0
    storage.clear()
    assert list((tmp_path / "columns").iterdir()) == []


def test_a_storage_belongs_to_one_buffer():
    storage = ColumnStorage()
    PrioritizedReplayBuffer(4, storage=storage)
    with pytest.raises(ValueError, match="another buffer"):
        PrioritizedReplayBuffer(4, storage=storage)
