"""A sorted set of integers with ranks and selection, changed a batch at a time."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_END = np.iinfo(np.int64).max


class SortedKeys:
    """Distinct int64 keys in ascending order; `rank` and `select` are exact after every change.

    A sorted array, the base, and beside it a short sorted list of edits: keys that came and keys that went since the
    base was built. Both are searched with vectorised bisection, O(log n) a key. The edits are merged into the base
    when there are more than about 8 sqrt(n) of them, which balances the cost of carrying them against that of merging:
    a change costs O(sqrt(n)) amortised, whatever the order or the distribution of the keys.

    Keys are in [0, 2^63 - 1). The arrays taken and returned are int64 of shape (B,).
    """

    _base: NDArray[np.int64]
    _edits: NDArray[np.int64]
    _code: NDArray[np.int64]

    def __init__(self) -> None:
        self._build(np.empty(0, np.int64))

    def __len__(self) -> int:
        # The last shift is that of the end mark.
        return self._base.size - 1 + int(self._shift[-2])

    def clear(self) -> None:
        """Forget all keys."""
        self._build(np.empty(0, np.int64))

    def change(self, gone: NDArray[np.int64], come: NDArray[np.int64]) -> None:
        """Remove `gone` and add `come`.

        The keys must be distinct, those of `gone` in the set and those of `come` not: the caller knows.
        """
        keys = np.concatenate([gone, come])
        if keys.size == 0:
            return
        order = keys.argsort(kind="stable")  # adapts to the runs that keys of equal priorities come in
        keys = keys[order]
        code = (self._base.searchsorted(keys) << 1) + (order >= gone.size)
        at = self._edits.searchsorted(keys)
        # A key that came and goes again, or went and comes back, is as it is in the base.
        undone = self._edits[at] == keys
        new = ~undone
        place = (at + np.arange(keys.size) - 2 * undone.cumsum())[new]
        self._edits, self._code = _splice((self._edits, self._code), at[undone], place, (keys[new], code[new]))
        self._index_edits()
        if self._edits.size > 256 + 8 * math.isqrt(self._base.size):
            self._merge()

    def rank(self, keys: NDArray[np.int64]) -> NDArray[np.int64]:
        """Number of keys in the set that are smaller than each of `keys`."""
        ranks: NDArray[np.int64] = self._shift[self._edits.searchsorted(keys)] + self._base.searchsorted(keys)
        return ranks

    def select(self, ranks: NDArray[np.int64]) -> NDArray[np.int64]:
        """The keys of these ranks, each in [0, len)."""
        edits = self._first.searchsorted(ranks, side="right")
        last = edits - 1  # -1 is the end mark, which is of no rank
        came = (self._first[last] == ranks) & (self._code[last] & 1 == 1)
        return np.where(came, self._edits[last], self._base[ranks - self._shift[edits]])

    def _build(self, keys: NDArray[np.int64]) -> None:
        # Both lists end in a mark above all keys, so that every position found in them can be looked at.
        self._base = np.append(keys, _END)
        self._edits = np.array([_END])
        # Twice the position of an edit in the base, plus 1 if the key came; the mark is beyond all positions.
        self._code = np.array([1 << 62])
        self._index_edits()

    def _index_edits(self) -> None:
        # How far each edit, and those before it, shift the ranks; the rank at which each stands itself.
        self._shift = np.zeros(self._code.size + 1, np.int64)
        np.cumsum(((self._code & 1) << 1) - 1, out=self._shift[1:])
        self._first = (self._code >> 1) + self._shift[:-1]

    def _merge(self) -> None:
        came = self._code & 1 == 1
        went = self._code[:-1][~came[:-1]] >> 1
        (base,) = _splice((self._base,), went, self._first[came], (self._edits[came],))
        self._build(base[:-1])


def _splice(
    arrays: tuple[NDArray[np.int64], ...],
    drop: NDArray[np.int64],
    place: NDArray[np.int64],
    values: tuple[NDArray[np.int64], ...],
) -> list[NDArray[np.int64]]:
    """Each array without its positions `drop` and with its `values`, which stand at `place` in the result."""
    kept = np.ones(arrays[0].size, np.bool_)
    kept[drop] = False
    free = np.ones(kept.size - drop.size + place.size, np.bool_)
    free[place] = False
    results = []
    for array, given in zip(arrays, values):  # noqa: B905
        result = np.empty(free.size, np.int64)
        result[place] = given
        result[free] = array[kept]
        results.append(result)
    return results
