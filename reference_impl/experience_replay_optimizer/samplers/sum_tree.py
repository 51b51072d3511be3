"""The sum tree of proportional prioritisation (Schaul et al. 2015, section 3.3 and appendix B.2.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .engine import load_kernels

if TYPE_CHECKING:
    from numpy.typing import NDArray

FAN_OUT = 8
_SHIFT = 3
# A level of this size or less is summed as a whole in each numpy search; below it the search goes down level by level.
_WHOLE_LEVEL = 2048
_ONES = np.ones(FAN_OUT)


def is_run(slots: NDArray[np.int64]) -> bool:
    """Whether `slots` are one or more consecutive slots in ascending order."""
    ends = slots.size > 0 and slots[-1] - slots[0] == slots.size - 1
    return bool(ends and (slots.size == 1 or (slots[1:] - slots[:-1] == 1).all()))


class SumTree:
    """Sums of non-negative leaves; finds the leaves under points of the cumulative sum in O(log capacity).

    Each node is the sum of eight children and is recomputed from them, never updated by differences: differences drift
    away from the sum of the leaves as priorities fall over decades. Eight float32 leaves are half a cache line; sums
    are float64. 4 bytes a slot for the leaf and 8/7 bytes for the nodes above it.

    With numba the search is compiled; otherwise numpy does it over the same arrays. Single leaves are only written, and
    the nodes above them are recomputed at the next search, so a run of `put` costs one repair.

    Args:
        capacity: number of slots, all 0 at first.

    Attributes:
        leaves: float32 of shape (capacity rounded up to a multiple of 8,).
        nodes: float64, the levels above the leaves one after the other, the root first.
        offsets: int64, where each level begins in `nodes`.
        low, high: first and last slot whose nodes are not yet recomputed; low > high when there is none.
    """

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        sizes = [-(-capacity // FAN_OUT) * FAN_OUT]
        self.leaves = np.zeros(sizes[0], np.float32)
        while sizes[-1] > FAN_OUT:
            sizes.append(-(-sizes[-1] // FAN_OUT**2) * FAN_OUT)
        levels = [1, *sizes[:0:-1]]
        self.offsets = np.cumsum([0, *levels[:-1]])
        self.nodes = np.zeros(sum(levels))
        self.kernels = load_kernels()
        self._bind()

    def _bind(self) -> None:
        """Views of the arrays: made anew whenever the arrays are."""
        self.low, self.high = self.capacity, -2
        # Writing one number through a memoryview takes half the time of writing it through the array.
        self._view: Any = memoryview(self.leaves.data)
        ends = [*self.offsets[1:].tolist(), self.nodes.size]
        self._levels: list[NDArray[Any]] = [
            self.nodes[start:end]
            for start, end in zip(self.offsets.tolist(), ends)  # noqa: B905
        ]
        self._levels.append(self.leaves)
        # The largest level that numpy sums as a whole; the levels above it are not needed by its search.
        self._top = max(k for k, level in enumerate(self._levels) if k == 0 or level.size <= _WHOLE_LEVEL)

    def __getitem__(self, slots: NDArray[np.int64]) -> NDArray[np.float64]:
        """Leaf values of `slots`, float64 of shape (B,), a copy."""
        return self.leaves.take(slots).astype(np.float64)

    def get(self, slot: int) -> float:
        """Leaf value of one slot."""
        leaf: float = self._view[slot]
        return leaf

    def put(self, slot: int, value: float) -> None:
        """Write one leaf."""
        self._view[slot] = value
        if slot == self.high + 1:
            self.high = slot
        else:
            self._mark(slot, slot)

    def fill(self, low: int, high: int, value: float) -> int:
        """Write one value to the leaves low..high. Returns how many of them were 0."""
        leaves = self.leaves[low : high + 1]
        empty = leaves.size - int(np.count_nonzero(leaves))
        leaves.fill(value)
        self._mark(low, high)
        return empty

    def set(self, slots: NDArray[np.int64], values: NDArray[np.float64] | float) -> None:
        """Write leaves; of equal slots the last value stays."""
        self.leaves[slots] = values
        if is_run(slots):
            self._mark(int(slots[0]), int(slots[-1]))
        elif slots.size:
            self._recompute_above(slots)

    def _mark(self, low: int, high: int) -> None:
        """The nodes above the slots low..high are to be recomputed."""
        # Slots that are far apart are not joined: recomputing what lies between them would cost more than it saves.
        if self.low <= self.high and not self.low <= low <= self.high + 4 * FAN_OUT:
            self.repair()
        if self.low > self.high:
            self.low, self.high = low, high
        else:
            self.high = max(self.high, high)

    @property
    def total(self) -> float:
        """Sum of all leaves."""
        self.repair()
        if self.kernels is not None:
            return float(self.nodes[0])
        return float(self._levels[self._top].sum(dtype=np.float64))

    def find(self, points: NDArray[np.float64]) -> NDArray[np.int64]:
        """Slots at quantiles `points` in [0, 1) of the cumulative sum, int64 of shape (B,); never one whose leaf is 0.

        The total must be positive.
        """
        self.repair()
        if self.kernels is not None:
            slots: NDArray[np.int64] = self.kernels.find(self.leaves, self.nodes, self.offsets, points)
            return slots
        top = self._levels[self._top].cumsum(dtype=np.float64)
        rest = points * top[-1]
        at: NDArray[np.int64] = top.searchsorted(rest, "right")
        np.minimum(at, top.size - 1, out=at)
        rest -= np.where(at > 0, top.take(at - 1, mode="clip"), 0.0)
        row_starts = np.arange(0, FAN_OUT * at.size, FAN_OUT)
        for level in self._levels[self._top + 1 :]:
            # One cumulative sum over the children of all rows, one after the other, is searched once for all rows.
            sums = level.reshape(-1, FAN_OUT).take(at, 0).cumsum(dtype=np.float64)
            rest[1:] += sums[FAN_OUT - 1 : -1 : FAN_OUT]
            place = sums.searchsorted(rest, "right")
            # Rounding can carry a point into its neighbour's row.
            np.maximum(place, row_starts, out=place)
            np.minimum(place, row_starts + (FAN_OUT - 1), out=place)
            rest -= np.where(place > 0, sums.take(place - 1, mode="clip"), 0.0)
            at *= FAN_OUT
            at += place - row_starts
        empty = np.flatnonzero(self.leaves.take(at, mode="clip") == 0.0)
        if empty.size:  # rounding carried a point past the last leaf of its row
            stored = np.flatnonzero(self.leaves)
            at[empty] = stored[np.maximum(stored.searchsorted(at[empty], "right") - 1, 0)]
        return at

    def clear(self) -> None:
        """Empty every slot."""
        self.leaves.fill(0.0)
        self.nodes.fill(0.0)
        self.low, self.high = self.capacity, -2

    def restore(self, leaves: NDArray[np.float32]) -> None:
        """Make `leaves`, of the shape of the tree's own, the leaves."""
        self.clear()
        self.leaves[:] = leaves
        self.low, self.high = 0, self.capacity - 1

    def repair(self) -> None:
        """Recompute the nodes above leaves that were written since the last time."""
        if self.low > self.high:
            return
        low, high = self.low, self.high
        self.low, self.high = self.capacity, -2
        if self.kernels is not None:
            self.kernels.repair(self.leaves, self.nodes, self.offsets, low, high)
            return
        for k in range(len(self._levels) - 2, self._top - 1, -1):
            low, high = low >> _SHIFT, high >> _SHIFT
            children = self._levels[k + 1].reshape(-1, FAN_OUT)
            self._levels[k][low : high + 1] = children[low : high + 1] @ _ONES

    def _recompute_above(self, slots: NDArray[np.int64]) -> None:
        if self.kernels is not None:
            self.kernels.recompute(self.leaves, self.nodes, self.offsets, slots)
            return
        at = slots
        for k in range(len(self._levels) - 2, self._top - 1, -1):
            # Nodes that occur twice are computed twice from the same children: cheaper than np.unique.
            at = at >> _SHIFT
            self._levels[k][at] = self._levels[k + 1].reshape(-1, FAN_OUT).take(at, 0) @ _ONES

    def __getstate__(self) -> dict[str, Any]:
        return {"capacity": self.capacity, "leaves": self.leaves}

    def __setstate__(self, state: dict[str, Any]) -> None:
        SumTree.__init__(self, state["capacity"])
        self.restore(state["leaves"])
