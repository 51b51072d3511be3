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
_KEPT = 4  # states and next states, of the batch in use and of the one before

_LISTED = [np.empty(0)]
_UNUSED = sys.getrefcount(_LISTED[0])  # of an array that a list refers to and nothing else


class OutputPool:
    """Uninitialised arrays that belong to the caller; at most four large ones are kept to be used again.

    An array is used again only when nothing refers to it any more: neither the array, nor a view, nor a tensor of it.
    """

    def __init__(self) -> None:
        self._owners: list[NDArray[np.uint8]] = []

    def empty(self, shape: tuple[int, ...], dtype: Any) -> NDArray[Any]:
        """A contiguous array of `shape` and `dtype`, its values arbitrary."""
        dtype = np.dtype(dtype)
        size = math.prod(shape) * dtype.itemsize
        if size < LARGE:
            return np.empty(shape, dtype)
        for at in range(len(self._owners)):
            if size <= self._owners[at].size <= 2 * size and sys.getrefcount(self._owners[at]) == _UNUSED:
                owner = self._owners[at]
                break
        else:
            owner = np.empty(size, np.uint8)
            self._owners = [*self._owners[-_KEPT + 1 :], owner]
        array: NDArray[Any] = owner[:size].view(dtype).reshape(shape)
        return array

    def take(self, column: NDArray[Any], rows: NDArray[Any]) -> NDArray[Any]:
        """The rows of `column` at `rows`, shape (*rows.shape, *column.shape[1:]), copied; no IndexError."""
        out = self.empty((*rows.shape, *column.shape[1:]), column.dtype)
        # With mode="raise" numpy would buffer `out`. What a row that does not exist gives is arbitrary.
        np.take(column, rows, axis=0, out=out, mode="clip")
        return out

    def __reduce__(self) -> tuple[Any, ...]:
        return OutputPool, ()  # a copy starts with none
