import numpy as np
import pytest

from experience_replay_optimizer import _validate


def test_counts_are_ints_of_any_make():
    assert _validate.as_count(np.int32(5), "n") == 5
    for wrong in (5.0, np.float64(5), "5", None, True, np.True_):
        with pytest.raises(TypeError, match="n must be an int"):
            _validate.as_count(wrong, "n")
    with pytest.raises(TypeError, match=r"write int\(n\)"):
        _validate.as_count(700.0, "n")


def test_columns_are_flattened_only_where_nothing_is_guessed():
    for same in ([1, 2], np.array([[1], [2]]), (1, 2)):
        assert _validate.as_column(same, "x").tolist() == [1, 2]
    assert _validate.as_column(3, "x").tolist() == [3]
    for wrong in (np.ones((1, 2)), np.ones((2, 2)), np.ones((2, 1, 1))):
        with pytest.raises(ValueError, match="shape"):
            _validate.as_column(wrong, "x")


def test_indices_of_any_integer_dtype():
    for dtype in (np.int8, np.uint8, np.int32, np.uint64):
        assert _validate.as_indices(np.array([1, 2], dtype)).dtype == np.int64
    assert _validate.as_indices([]).shape == (0,)


def test_tensors_are_detached():
    torch = pytest.importorskip("torch")
    value = torch.ones(3, requires_grad=True)
    assert _validate.to_numpy(value).tolist() == [1.0] * 3
    assert _validate.to_numpy(value.bfloat16()).tolist() == [1.0] * 3
    assert _validate.as_finite(value.reshape(3, 1) * 2, "x", 3).tolist() == [2.0] * 3
