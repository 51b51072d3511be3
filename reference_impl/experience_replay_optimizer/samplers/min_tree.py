"""The minimum over the leaves, kept exact while leaves rise and fall."""

from __future__ import annotations

import numpy as np

from .heap_tree import HeapTree


class MinTree(HeapTree):
    """Minimum over leaves; an empty slot counts as infinity.

    Args:
        capacity: number of slots, all infinity at first.
    """

    def __init__(self, capacity: int) -> None:
        super().__init__(capacity, np.minimum, np.inf)

    @property
    def minimum(self) -> float:
        """Smallest leaf, infinity if all are empty."""
        return self.root
