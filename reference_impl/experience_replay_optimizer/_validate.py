"""Checks of arguments: each returns the value in one canonical form or raises and names the remedy."""

from __future__ import annotations

import math
import operator
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def to_numpy(value: Any) -> NDArray[Any]:
    """`value` as a numpy array; torch tensors are detached and brought to the CPU, without importing torch."""
    if hasattr(value, "detach"):
        value = value.detach().cpu()
        try:
            return np.asarray(value.numpy())
        except TypeError:  # numpy has no bfloat16
            return np.asarray(value.float().numpy())
    return np.asarray(value)


def as_count(value: Any, name: str) -> int:
    """A positive int (numpy integers included). TypeError for floats and bools, ValueError below 1."""
    if isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name} must be an int, not {value!r}")
    try:
        count = operator.index(value)
    except TypeError:
        remedy = f"; write int({name})" if isinstance(value, (float, np.floating)) else ""
        raise TypeError(f"{name} must be an int, not {value!r} of type {type(value).__name__}{remedy}") from None
    if count < 1:
        raise ValueError(f"{name} must be at least 1, not {count}")
    return count


def as_float(value: Any, name: str, low: float = -math.inf, high: float = math.inf) -> float:
    """A finite float in [low, high]; ValueError otherwise, TypeError where it is no number."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise TypeError(f"{name} must be a number, not {value!r}") from None
    if not math.isfinite(number) or not low <= number <= high:
        raise ValueError(f"{name} must be finite and in [{low:g}, {high:g}], not {number!r}")
    return number


def as_generator(seed: Any, rng: np.random.Generator | None) -> np.random.Generator:
    """The random generator that `seed` or `rng` stands for; at most one of them may be given."""
    if rng is None:
        return np.random.default_rng(seed)
    if seed is not None:
        raise ValueError("give seed or rng, not both")
    if not isinstance(rng, np.random.Generator):
        raise TypeError(f"rng must be a numpy.random.Generator, not {type(rng).__name__}; np.random.default_rng(seed)")
    return rng


def as_column(value: Any, name: str) -> NDArray[Any]:
    """`value` as a 1-D array: scalars become (1,), (B, 1) becomes (B,); every other shape is refused."""
    array = to_numpy(value)
    if array.ndim == 0 or (array.ndim == 2 and array.shape[1] == 1):
        return array.reshape(-1)
    if array.ndim != 1:
        raise ValueError(f"{name} must have shape (B,) or (B, 1), not {array.shape}")
    return array


def as_indices(value: Any, name: str = "indices") -> NDArray[np.int64]:
    """Non-negative integers as an int64 array of shape (B,). TypeError for other dtypes, ValueError if negative."""
    array = as_column(value, name)
    if array.size == 0:
        return np.empty(0, np.int64)
    if array.dtype.kind not in "iu":
        raise TypeError(f"{name} must be integers, not {array.dtype}; pass on what sample() returned")
    if array.min() < 0:
        raise ValueError(f"{name} must not be negative: {int(array.min())}")
    if array.max() > np.iinfo(np.int64).max:
        raise ValueError(f"{name} is out of range: {int(array.max())}")
    return array.astype(np.int64)


def as_slots(value: Any, capacity: int, name: str = "indices") -> NDArray[np.int64]:
    """Slots in [0, capacity) as an int64 array of shape (B,)."""
    slots = as_indices(value, name)
    if slots.size and slots.max() >= capacity:
        raise ValueError(f"{name} is out of range: {int(slots.max())}, and the capacity is {capacity}")
    return slots


def as_finite(value: Any, name: str, length: int) -> NDArray[np.float64]:
    """Finite numbers as a float64 array of shape (length,). ValueError for NaN, inf or another length."""
    array = as_column(value, name)
    if array.shape[0] != length:
        raise ValueError(f"{name} has {array.shape[0]} values, expected {length}")
    if array.size and array.dtype.kind not in "biuf":
        raise TypeError(f"{name} must be real numbers, not {array.dtype}")
    array = array.astype(np.float64)
    check_finite(array, name)
    return array


def check_finite(array: NDArray[np.float64], name: str) -> None:
    """ValueError for NaN or inf, with where to look for the cause."""
    if not np.isfinite(array).all():
        cause = "; training has diverged: look at this step's rewards, targets and loss" if name == "td_errors" else ""
        raise ValueError(f"{name} has values that are not finite: {array[~np.isfinite(array)][:3].tolist()}{cause}")
