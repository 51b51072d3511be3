"""The least sampling probability of a buffer: what weights are divided by under `normalise="buffer"`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .min_tree import MinTree

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from .proportional_index import ProportionalIndex
    from .slot_set import SlotSet


class SmallestDensity:
    """Exact minimum of q over all stored slots: within one combination of sets, the least priority has it.

    Args:
        capacity: number of slots.
        index: the law of the prioritised share.
        sets: the sets of slots that have a share of the batch beside it.
    """

    def __init__(self, capacity: int, index: ProportionalIndex, sets: Sequence[SlotSet]) -> None:
        self._index = index
        self._sets = sets
        self._minima = [MinTree(capacity) for _ in range(2 ** len(sets))]

    def update(self, slots: Sequence[int] | NDArray[np.int64]) -> None:
        """The priority of `slots`, or the sets that they are in, have changed."""
        slots = np.asarray(slots, np.int64)
        leaves = self._index.tree[slots]
        combination = np.zeros(slots.size, np.int64)
        for bit, one in enumerate(self._sets):
            combination += one.contains(slots) * (1 << bit)
        for code, tree in enumerate(self._minima):
            tree.set(slots, np.where((combination == code) & (leaves > 0.0), leaves, np.inf))

    def rebuild(self) -> None:
        """Everything may have changed."""
        for tree in self._minima:
            tree.clear()
        everything = np.arange(self._index.capacity)
        self.update(everything[self._index.contains(everything)])

    def value(self, shares: Sequence[int], batch_size: int) -> float:
        """The minimum of q, where `shares` rows of a batch come from each set. Something must be stored."""
        by_priority = (batch_size - sum(shares)) / batch_size / self._index.tree.total
        smallest = np.inf
        for code, tree in enumerate(self._minima):
            if tree.minimum == np.inf:  # no transition is in this combination of sets
                continue
            q = tree.minimum * by_priority
            for bit, (one, share) in enumerate(zip(self._sets, shares)):  # noqa: B905
                if share and code >> bit & 1:
                    q += share / batch_size / len(one)
            smallest = min(smallest, q)
        return float(smallest)
