"""Storage in preallocated numpy columns: one array for each field of a transition."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .._validate import to_numpy
from .batch import Batch

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

FIELDS = ("state", "action", "reward", "next_state", "done")
_SCALARS = {"reward": np.dtype(np.float32), "done": np.dtype(np.bool_)}


def as_fields(values: tuple[Any, ...]) -> tuple[NDArray[Any], ...]:
    """The five fields of a transition as numeric arrays; reward as a finite float64 scalar, done as a scalar.

    Raises:
        TypeError: a field that is not made of numbers.
        ValueError: a ragged field, a reward that is not finite, a done that is not a flag.
    """
    arrays = []
    for name, value in zip(FIELDS, values):  # noqa: B905
        try:
            array = to_numpy(value)
        except ValueError as error:
            raise ValueError(f"{name} is not a rectangular array of numbers: {error}") from None
        if array.dtype.kind not in "biuf":
            raise TypeError(
                f"{name} must be numbers, not {type(value).__name__} ({array.dtype}); append() keeps any object"
            )
        if name in _SCALARS:
            if array.size != 1:
                raise ValueError(f"{name} must be one number, not an array of shape {array.shape}")
            array = array.reshape(())
        if name == "reward":
            array = array.astype(np.float64)
            if not np.isfinite(array):
                raise ValueError(f"reward must be finite, not {value!r}")
        if name == "done" and array != 0 and array != 1:
            raise ValueError(f"done must be a flag, not {value!r}")
        arrays.append(array)
    return tuple(arrays)


def holds(values: NDArray[Any], dtype: DTypeLike) -> bool:
    """Whether `dtype` can hold `values`: integers and flags exactly, floats up to rounding (no overflow, no 0)."""
    target = np.dtype(dtype)
    kind, goal = values.dtype.kind, target.kind
    if values.size == 0 or values.dtype == target or kind == "b":
        return True
    if goal == "b":
        return bool(((values == 0) | (values == 1)).all())
    if goal == "f" and kind == "f":
        with np.errstate(all="ignore"):
            cast = values.astype(target)
        return bool(((np.isfinite(cast) | ~np.isfinite(values)) & ((cast != 0) | (values == 0))).all())
    if goal == "f":
        largest = 2 ** (int(np.finfo(target).nmant) + 1)
        return bool(int(values.min()) >= -largest and int(values.max()) <= largest)
    limits: Any = np.iinfo(target)
    if kind == "f":
        # max + 1 is a power of two, exact as a float where max itself is not.
        return bool(((values == np.trunc(values)) & (values >= limits.min) & (values < limits.max + 1.0)).all())
    return bool(int(values.min()) >= limits.min and int(values.max()) <= limits.max)


class ColumnStorage:
    """Five columns of `capacity` rows; shapes, and the dtypes of observation and action, from the first transition.

    Rewards are float32 and flags bool. A value that its column cannot hold widens the column (a state column opened by
    ints becomes float64 with the first 0.5) or is refused; it is never truncated.

    Args:
        capacity: number of rows.
        first: the first transition, from `as_fields`.
    """

    def __init__(self, capacity: int, first: tuple[NDArray[Any], ...]) -> None:
        self._columns = {
            name: np.zeros((capacity, *value.shape), _SCALARS.get(name, value.dtype))
            for name, value in zip(FIELDS, first)  # noqa: B905
        }
        self._filled = 0

    def check(self, values: tuple[NDArray[Any], ...]) -> dict[str, np.dtype[Any]]:
        """The columns that must be widened for `values`, with their new dtypes. Nothing changes.

        Raises:
            ValueError: another shape than the column's, or no dtype that holds old and new values.
        """
        wider = {}
        for name, value in zip(FIELDS, values):  # noqa: B905
            column = self._columns[name]
            if value.shape != column.shape[1:]:
                raise ValueError(f"{name} has shape {value.shape}, and the buffer holds {column.shape[1:]}")
            if not holds(value, column.dtype):
                dtype = np.promote_types(column.dtype, value.dtype)
                if not holds(value, dtype) or not holds(column[: self._filled], dtype):
                    raise ValueError(f"{name}: no dtype holds both {value.dtype} {value} and the stored {column.dtype}")
                wider[name] = dtype
        return wider

    def write(self, slot: int, values: tuple[NDArray[Any], ...], wider: dict[str, np.dtype[Any]]) -> None:
        """Store a transition that `check` has passed; slots are first filled in ascending order."""
        widened = {name: self._columns[name].astype(dtype) for name, dtype in wider.items()}
        self._columns.update(widened)
        for name, value in zip(FIELDS, values):  # noqa: B905
            self._columns[name][slot] = value
        self._filled = max(self._filled, slot + 1)

    def row(self, slot: int) -> tuple[Any, ...]:
        """The transition in `slot`, a 5-tuple that shares no memory with the storage."""
        row: tuple[Any, ...] = self.gather(np.array([slot]))[0]
        return row

    def gather(self, slots: NDArray[np.int64]) -> Batch:
        """The transitions in `slots`, in that order, copied."""
        return Batch(*(self._columns[name][slots] for name in FIELDS))
