import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from experience_replay_optimizer.storage.columns import ColumnStorage, as_fields, holds


def stored(*values_of_state):
    storage = None
    for slot, state in enumerate(values_of_state):
        fields = as_fields((state, 0, 0.0, state, False))
        storage = storage or ColumnStorage(8, fields)
        storage.write(slot, fields, storage.check(fields))
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
        (np.int64(1), np.uint64(2**63), np.float64),
        (1.0, np.inf, np.float64),
    ],
)
def test_a_column_widens_rather_than_truncates(first, then, dtype):
    if then == np.uint64(2**63):  # no dtype holds it beside negative integers exactly
        with pytest.raises(ValueError, match="no dtype holds"):
            stored(first, then)
        return
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        storage = stored(first, then)
    states = storage.gather(np.array([0, 1])).states
    assert states.dtype == dtype
    assert states[0] == first
    np.testing.assert_allclose(states[1], then, rtol=1e-6)


def test_no_wider_dtype_is_refused_and_nothing_changes():
    storage = stored(np.int64(2**60))
    fields = as_fields((0.5, 0, 0.0, 0.5, False))
    with pytest.raises(ValueError, match="state: no dtype holds both"):
        storage.check(fields)
    assert storage.row(0)[0] == 2**60


numbers = st.one_of(st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False, width=64), st.booleans())
dtypes = st.sampled_from(["b1", "i1", "u1", "i4", "u4", "i8", "u8", "f2", "f4", "f8"])


@given(numbers, dtypes)
@settings(deadline=None)
def test_what_a_dtype_holds_comes_back(number, dtype):
    value = np.asarray(number)
    if holds(value, dtype):
        with np.errstate(all="ignore"):
            back = value.astype(dtype).item()
        if np.dtype(dtype).kind == "f" and value.dtype.kind == "f":
            assert back == pytest.approx(number, rel=1e-2, abs=1e-7)
        else:
            assert back == number


def test_rewards_are_float32_and_flags_bool():
    fields = as_fields((np.zeros(3), 1, 0, np.ones(3), 1))
    storage = ColumnStorage(4, fields)
    storage.write(0, fields, storage.check(fields))
    half = as_fields((np.zeros(3), 1, [0.5], np.ones(3), np.array([False])))
    storage.write(1, half, storage.check(half))
    batch = storage.gather(np.array([0, 1]))
    assert batch.rewards.dtype == np.float32
    assert batch.rewards.tolist() == [0.0, 0.5]
    assert batch.dones.tolist() == [True, False]
    assert batch.next_states.shape == (2, 3)
    huge = as_fields((np.zeros(3), 1, 1e60, np.ones(3), 1))
    storage.write(2, huge, storage.check(huge))
    assert storage.gather(np.array([1, 2])).rewards.tolist() == [0.5, 1e60]


@pytest.mark.parametrize(
    ("transition", "error", "message"),
    [
        ((None, 0, 0.0, 1, False), TypeError, "state must be numbers"),
        ((0, 0, 0.0, {"a": 1}, False), TypeError, "next_state must be numbers"),
        ((0, "left", 0.0, 1, False), TypeError, r"append\(\)"),
        (([[1, 2], [3]], 0, 0.0, 1, False), ValueError, "rectangular"),
        ((0, 0, np.nan, 1, False), ValueError, "finite"),
        ((0, 0, np.inf, 1, False), ValueError, "finite"),
        ((0, 0, [1.0, 2.0], 1, False), ValueError, "one number"),
        ((0, 0, 0.0, 1, 0.5), ValueError, "flag"),
        ((0, 0, 0.0, 1, np.nan), ValueError, "flag"),
    ],
)
def test_refused_fields(transition, error, message):
    with pytest.raises(error, match=message):
        as_fields(transition)


def test_other_shapes_are_refused():
    storage = stored(np.zeros(3))
    with pytest.raises(ValueError, match=r"state has shape \(4,\), and the buffer holds \(3,\)"):
        storage.check(as_fields((np.zeros(4), 0, 0.0, np.zeros(3), False)))
    with pytest.raises(ValueError, match="action has shape"):
        storage.check(as_fields((np.zeros(3), [0, 1], 0.0, np.zeros(3), False)))


def test_rows_and_batches_share_no_memory_with_the_storage():
    storage = stored(np.zeros(3))
    storage.row(0)[0][:] = 7
    storage.gather(np.array([0])).states[:] = 7
    assert storage.row(0)[0].tolist() == [0.0] * 3
