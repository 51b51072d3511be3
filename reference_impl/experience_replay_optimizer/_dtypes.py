"""Numbers in the dtypes that networks take: float32, and int64 for discrete actions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ._validate import to_numpy

if TYPE_CHECKING:
    from numpy.typing import NDArray


def as_float32(value: Any, name: str) -> NDArray[np.float32]:
    """`value` as a float32 array. TypeError where it is not made of numbers, ValueError where float32 overflows."""
    array = to_numpy(value)
    if array.dtype == np.float32:
        return array
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{name} must be an array of numbers, not {type(value).__name__} ({array.dtype})")
    with np.errstate(over="ignore"):
        cast = array.astype(np.float32)
    if not (np.isfinite(cast) | ~np.isfinite(array)).all():
        raise ValueError(f"{name} has values beyond float32: {array[~np.isfinite(cast)][:3].tolist()}; scale them")
    return cast


def as_int64(value: Any, name: str) -> NDArray[np.int64]:
    """`value` as an int64 array. TypeError where it is not made of numbers, ValueError where they are no integers."""
    array = to_numpy(value)
    if array.dtype == np.int64:
        return array
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{name} must be an int, not {type(value).__name__} ({array.dtype})")
    with np.errstate(invalid="ignore"):
        cast = array.astype(np.int64)
    if not (cast == array).all():
        raise ValueError(f"{name} must be an integer (a discrete action), not {value!r}")
    return cast
