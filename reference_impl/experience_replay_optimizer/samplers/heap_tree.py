"""A binary tree in heap order whose parents are recomputed from their children, never updated by differences."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_PENDING = 1024


class HeapTree:
    """Root at 1, children of n at 2n and 2n + 1, leaf of slot i at `width + i`.

    Differences added to parents drift away from the sum of the leaves as priorities fall over decades; a parent that is
    recomputed is always the rounded sum of its own children.

    Args:
        capacity: number of slots; the width is the next power of two.
        combine: `np.add` or `np.minimum`.
        neutral: leaf value of an empty slot.
    """

    def __init__(self, capacity: int, combine: np.ufunc, neutral: float) -> None:
        self.capacity = capacity
        self._combine = combine
        self._neutral = neutral
        self._depth = (capacity - 1).bit_length()
        self._width = 1 << self._depth
        self._nodes = np.full(2 * self._width, neutral, np.float64)
        # Leaves are written at once, their parents at the next look at the root: many adds share one repair.
        self._pending = np.empty(_PENDING, np.int64)
        self._pending_count = 0

    def __getitem__(self, slots: NDArray[np.int64]) -> NDArray[np.float64]:
        """Leaf values of `slots`, shape (B,), a copy."""
        return self._nodes[slots + self._width]

    def set(self, slots: NDArray[np.int64], values: NDArray[np.float64] | float) -> None:
        """Write leaves; of equal slots the last value stays."""
        leaves = slots + self._width
        self._nodes[leaves] = values
        if self._pending_count + leaves.size > _PENDING:
            self._repair()
            if leaves.size > _PENDING:
                self._recompute_above(leaves)
                return
        self._pending[self._pending_count : self._pending_count + leaves.size] = leaves
        self._pending_count += leaves.size

    def clear(self) -> None:
        """Empty every slot."""
        self._nodes.fill(self._neutral)
        self._pending_count = 0

    @property
    def root(self) -> float:
        """All leaves combined."""
        self._repair()
        return float(self._nodes[1])

    def _repair(self) -> None:
        if self._pending_count:
            self._recompute_above(self._pending[: self._pending_count])
            self._pending_count = 0

    def _recompute_above(self, leaves: NDArray[np.int64]) -> None:
        nodes = leaves
        for _ in range(self._depth):
            # Parents that occur twice are computed twice from the same children: harmless, and cheaper than np.unique.
            nodes = nodes >> 1
            left = nodes << 1
            self._nodes[nodes] = self._combine(self._nodes[left], self._nodes[left + 1])
