import math

import numpy as np
import pytest

from experience_replay_optimizer._dtypes import as_float32, as_int64


def test_numbers_of_any_kind_become_float32():
    for value in (1, True, 0.5, np.float64(0.1), np.arange(3, dtype=np.uint8), [[1.0], [2.0]], math.nan, -math.inf):
        result = as_float32(value, "state")
        assert result.dtype == np.float32
        np.testing.assert_array_equal(result, np.asarray(value).astype(np.float32))


@pytest.mark.parametrize(
    ("value", "error"), [(1e39, ValueError), ([0.0, -1e300], ValueError), ("1", TypeError), (None, TypeError)]
)
def test_what_float32_cannot_hold_is_refused(value, error):
    with pytest.raises(error, match="state"):
        as_float32(value, "state")


def test_integers_of_any_kind_become_int64():
    for value in (3, True, 2.0, np.uint8(7), np.array([1, 2], np.int32), -(2**63), np.float32(-4.0)):
        result = as_int64(value, "action")
        assert result.dtype == np.int64
        assert (result == np.asarray(value)).all()


@pytest.mark.parametrize(
    ("value", "error"),
    [(0.5, ValueError), (math.nan, ValueError), (math.inf, ValueError), (2**63, ValueError), ("1", TypeError)],
)
def test_what_is_no_int64_is_refused(value, error):
    with pytest.raises(error, match="action"):
        as_int64(value, "action")
