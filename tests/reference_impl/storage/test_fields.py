import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from experience_replay_optimizer.storage.fields import as_fields, as_rows, flatten, holds, unflatten

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


@pytest.mark.parametrize(
    ("transition", "error", "message"),
    [
        ((None, 0, 0.0, 1, False), TypeError, "state must be numbers"),
        ((0, 0, 0.0, {}, False), ValueError, "next_state is an empty dict"),
        ((0, 0, 0.0, {1: 0}, False), TypeError, "keys must be strings"),
        ((0, {"left": 1}, 0.0, 1, False), TypeError, "action must be numbers"),
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


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (([0, 1], [0, 1], [0.0], [0, 1], [0, 0]), r"reward must have shape \(2,\)"),
        (([0, 1], [0, 1], [0.0, np.nan], [0, 1], [0, 0]), "finite"),
        (([0, 1], [0, 1], [0.0, 1.0], [0, 1], [0, 2]), "flag"),
    ],
)
def test_refused_rows(columns, message):
    with pytest.raises(ValueError, match=message):
        as_rows(columns, 2)


def test_leaves_and_back():
    state = {"a": {"b": 1, "c": [2.0]}, "d": 3}
    fields = as_fields((state, 1, 2, state, 0))
    leaves = flatten(fields, {"discount": 0.5})
    assert ("state", "a", "c") in leaves
    again, extras = unflatten(leaves)
    assert again[0]["a"]["b"] == 1
    assert extras["discount"] == 0.5
