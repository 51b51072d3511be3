"""The minimum over the leaves, kept exact while leaves rise and fall."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_PENDING = 1024


class MinTree:
    """Minimum over leaves; an empty slot counts as infinity.

    A binary tree in heap order: root at 1, children of n at 2n and 2n + 1, leaf of slot i at `width + i`.

    Args:
        capacity: number of slots, all infinity at first; the width is the next power of two.
    """

    def __init__(self, capacity: int) -> None:
        self._depth = (capacity - 1).bit_length()
        self._width = 1 << self._depth
        self._nodes = np.full(2 * self._width, np.inf)
        # Leaves are written at once, their parents at the next look at the root: many adds share one repair.
        self._pending = np.empty(_PENDING, np.int64)
        self._pending_count = 0

    @property
    def minimum(self) -> float:
        """Smallest leaf, infinity if all are empty."""
        self._repair()
        return float(self._nodes[1])

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
        self._nodes.fill(np.inf)
        self._pending_count = 0

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
            self._nodes[nodes] = np.minimum(self._nodes[left], self._nodes[left + 1])
