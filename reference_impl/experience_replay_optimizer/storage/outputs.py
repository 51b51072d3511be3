"""Memory of gathered batches, used again once the caller has let go of it."""

from __future__ import annotations

import math
import sys
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Smaller arrays are malloc's business: it gives larger ones back to the system, and new pages cost more than the copy.
LARGE = 1 << 16
_KEPT = 8  # states and next states, of the batch in use and of the one before, for two batch sizes

_LISTED = [np.empty(0)]
_UNUSED = sys.getrefcount(_LISTED[0])  # of an array that a list refers to and nothing else


class OutputPool:
    """Uninitialised arrays that belong to the caller; at most eight large ones are kept to be used again.

    An array is used again only when nothing refers to it any more: neither the array, nor a view, nor a tensor of it.
    """

    def __init__(self) -> None:
        self._arrays: list[NDArray[Any]] = []

    def empty(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
        """A contiguous array of `shape` and `dtype`, its values arbitrary."""
        if math.prod(shape) * dtype.itemsize < LARGE:
            return np.empty(shape, dtype)
        arrays = self._arrays
        for at in range(len(arrays)):
            if sys.getrefcount(arrays[at]) == _UNUSED and arrays[at].shape == shape and arrays[at].dtype == dtype:
                break
        else:
            self._arrays = arrays = [*arrays[-_KEPT + 1 :], np.empty(shape, dtype)]
            at = -1
        array: NDArray[Any] = arrays[at].view()
        return array

    def take(self, column: NDArray[Any], rows: NDArray[Any]) -> NDArray[Any]:
        """The rows of `column` at `rows`, shape (*rows.shape, *column.shape[1:]), copied; no IndexError."""
        if column.nbytes * rows.size < LARGE * len(column):
            small: NDArray[Any] = column.take(rows, 0, mode="clip")
            return small
        out = self.empty(rows.shape + column.shape[1:], column.dtype)
        # With mode="raise" numpy would buffer `out`. What a row that does not exist gives is arbitrary.
        column.take(rows, 0, out, "clip")
        return out

    def __reduce__(self) -> tuple[Any, ...]:
        return OutputPool, ()  # a copy starts with none
