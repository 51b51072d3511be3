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
_LARGE_BATCH = 128
_ONES = np.ones(FAN_OUT)
_BEFORE = np.triu(np.ones((FAN_OUT, FAN_OUT)), 1)
_BYTES, _TOP_BYTE = np.uint64(0x0101010101010101), np.uint64(56)


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
        """Views of the arrays, which are never replaced."""
        self.low, self.high = self.capacity, -2
        self._total: float | None = 0.0
        # Writing one number through a memoryview takes half the time of writing it through the array.
        self._view: Any = memoryview(self.leaves.data)
        ends = [*self.offsets[1:].tolist(), self.nodes.size]
        levels: list[NDArray[Any]] = [
            self.nodes[start:end]
            for start, end in zip(self.offsets.tolist(), ends)  # noqa: B905
        ]
        self._levels = [*levels, self.leaves]
        # The largest level that numpy sums as a whole; the levels above it are not needed by its search.
        self._top = max(k for k, level in enumerate(self._levels) if k == 0 or level.size <= _WHOLE_LEVEL)
        self._steps = [level.reshape(-1, FAN_OUT) for level in self._levels[self._top + 1 :]]

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
        if slots.size <= self.capacity >> 4:
            self._recompute_above(slots)
        else:
            self._mark(int(slots.min()), int(slots.max()))

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
        if self._total is None:
            self._total = float(self._levels[self._top].sum(dtype=np.float64))
        return self._total

    def find(self, points: NDArray[np.float64]) -> NDArray[np.int64]:
        """Slots at quantiles `points` in [0, 1) of the cumulative sum, int64 of shape (B,); never one whose leaf is 0.

        The total must be positive.
        """
        self.repair()
        if self.kernels is not None:
            slots: NDArray[np.int64] = self.kernels.find(self.leaves, self.nodes, self.offsets, points)
            return slots
        order = None
        if points.size >= _LARGE_BATCH:
            # Searching for points in their order takes half the time: the processor guesses each step right.
            order = points.argsort()
            points = points[order]
        sums = self._levels[self._top].cumsum(dtype=np.float64)
        self._total = float(sums[-1])
        rest = points * self._total
        at: NDArray[np.int64] = sums.searchsorted(rest, "right")
        np.minimum(at, sums.size - 1, out=at)
        rest -= (sums - self._levels[self._top]).take(at)
        np.maximum(rest, 0.0, out=rest)
        row_starts = np.arange(0, FAN_OUT * at.size, FAN_OUT)
        for children in self._steps:
            before = children.take(at, 0) @ _BEFORE  # for each child the sum of those before it
            # How many of eight flags are set, the first always is: their bytes are added up in one multiplication.
            place = ((before <= rest[:, None]).view(np.uint64)[:, 0] * _BYTES >> _TOP_BYTE).view(np.int64)
            place -= 1
            rest -= before.ravel().take(row_starts + place)
            at <<= _SHIFT
            at += place
        if order is not None:
            at[order] = at.copy()
        if np.count_nonzero(self.leaves.take(at)) < at.size:
            self._step_to_stored(at)
        return at

    def _step_to_stored(self, at: NDArray[np.int64]) -> None:
        """Move slots that rounding has carried beyond the stored ones to the last stored one before them."""
        stored = np.flatnonzero(self.leaves)
        empty = np.flatnonzero(self.leaves.take(at) == 0.0)
        at[empty] = stored[np.maximum(stored.searchsorted(at[empty], "right") - 1, 0)]

    def clear(self) -> None:
        """Empty every slot."""
        self.leaves.fill(0.0)
        self.nodes.fill(0.0)
        self.low, self.high = self.capacity, -2
        self._total = None

    def restore(self, leaves: NDArray[np.floating[Any]]) -> None:
        """Make `leaves`, float32 values of shape (capacity,), the leaves."""
        self.clear()
        self.leaves[: self.capacity] = leaves[: self.capacity]
        self.low, self.high = 0, self.capacity - 1

    def repair(self) -> None:
        """Recompute the nodes above leaves that were written since the last time."""
        if self.low > self.high:
            return
        low, high = self.low, self.high
        self.low, self.high = self.capacity, -2
        self._total = None
        if self.kernels is not None:
            self.kernels.repair(self.leaves, self.nodes, self.offsets, low, high)
            return
        for k in range(len(self._levels) - 2, self._top - 1, -1):
            low, high = low >> _SHIFT, high >> _SHIFT
            children = self._levels[k + 1].reshape(-1, FAN_OUT)
            self._levels[k][low : high + 1] = children[low : high + 1] @ _ONES

    def _recompute_above(self, slots: NDArray[np.int64]) -> None:
        if not slots.size:
            return
        if self.kernels is not None:
            self.kernels.recompute(self.leaves, self.nodes, self.offsets, slots)
            return
        self._total = None
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
