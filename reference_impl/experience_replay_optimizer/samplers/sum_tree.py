"""The sum tree of proportional prioritisation (Schaul et al. 2015, section 3.3 and appendix B.2.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .heap_tree import HeapTree

if TYPE_CHECKING:
    from numpy.typing import NDArray


class SumTree(HeapTree):
    """Sums of non-negative leaves; finds the leaf under a point of the cumulative sum in O(log capacity).

    Args:
        capacity: number of slots, all 0 at first.
    """

    def __init__(self, capacity: int) -> None:
        super().__init__(capacity, np.add, 0.0)

    @property
    def total(self) -> float:
        """Sum of all leaves."""
        return self.root

    def find(self, points: NDArray[np.float64]) -> NDArray[np.int64]:
        """Slots under `points` (each in [0, total]), int64 of shape (B,); never a slot whose leaf is 0.

        The total must be positive.
        """
        self._repair()
        nodes = self._nodes
        rest = points.copy()
        at = np.ones(rest.shape, np.int64)
        for _ in range(self._depth):
            at <<= 1
            left = nodes[at]
            # Rounding can carry a point past the end of its subtree: an empty right child is not entered.
            right = (rest >= left) & (nodes[at + 1] > 0.0)
            rest -= left * right
            at += right
        return at - self._width
