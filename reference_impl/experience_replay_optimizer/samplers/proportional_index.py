"""Proportional prioritisation: P(i) = p_i^alpha / sum of p^alpha (Schaul et al. 2015, section 3.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .._validate import as_finite
from .mixture import sample_mixture
from .sum_tree import SumTree

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from .slot_set import SlotSet

# Leaves are float32; within these bounds they, their sums and the quotients keep their full precision.
SMALLEST_LEAF, LARGEST_LEAF = 1e-36, 1e36
_NO_HANDLES = np.empty(0, np.int64)
_CODES = {None: 0, "batch": 1, "buffer": 2}
_FLOATS = (np.dtype(np.float32), np.dtype(np.float64))
_INT64 = np.dtype(np.int64)


class ProportionalIndex:
    """Which slots there are and with what probability each is drawn.

    Args:
        capacity: number of slots.
        alpha: exponent of the priorities, >= 0; 0 is uniform.

    Attributes:
        tree: the priorities to the power of alpha, one leaf a slot, 0 where nothing is stored.
    """

    def __init__(self, capacity: int, alpha: float) -> None:
        self.capacity = capacity
        self.alpha = alpha
        self.tree = SumTree(capacity)
        self._largest_priority = min(LARGEST_LEAF ** min(1.0 / alpha, 8.0), 1e300) if alpha > 0.0 else 1e300

    def put(self, slot: int, priority: float) -> bool:
        """Give one slot a priority that is known to be sound. Returns whether the slot was empty."""
        was_empty = self.tree.get(slot) == 0.0
        self.tree.put(slot, priority**self.alpha)
        return was_empty

    def put_many(self, slots: NDArray[np.int64], priority: float, run: bool) -> int:
        """Give slots one priority that is known to be sound. Returns how many different ones were empty.

        Args:
            run: whether each slot is the one before plus 1.
        """
        leaf = priority**self.alpha
        if run and slots.size:
            return self.tree.fill(int(slots[0]), int(slots[-1]), leaf)
        empty = slots[self.tree.leaves.take(slots) == 0.0]
        self.tree.set(slots, leaf)
        return int(np.unique(empty).size)

    def set(self, slots: NDArray[np.int64], priorities: NDArray[np.float64]) -> None:
        """Give slots their priorities p > 0; of equal slots the last counts.

        Raises:
            ValueError: p^alpha cannot be summed; nothing has changed then.
        """
        self.tree.set(slots, self.leaves_of(priorities))

    def remove(self, slots: NDArray[np.int64]) -> None:
        """Empty slots."""
        self.tree.set(slots, 0.0)

    def move(self, slot: int, other: int) -> None:
        """Give the priority of `slot`, which becomes empty, to `other`."""
        self.tree.put(other, self.tree.get(slot))
        self.tree.put(slot, 0.0)

    def find(self, points: NDArray[np.float64]) -> NDArray[np.int64]:
        """Slots at quantiles `points` in [0, 1) of the law, int64 of shape (B,). Something must be stored."""
        return self.tree.find(points)

    def density(self, slots: NDArray[np.int64]) -> NDArray[np.float64]:
        """P(i), float64 of shape (B,); 0 for empty slots. Something must be stored."""
        return self.tree[slots] / self.tree.total

    def contains(self, slots: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether each slot is stored, shape (B,)."""
        stored: NDArray[np.bool_] = self.tree.leaves.take(slots) > 0.0
        return stored

    def clear(self) -> None:
        """Empty every slot."""
        self.tree.clear()

    def state(self) -> dict[str, NDArray[Any]]:
        """Arrays that `restore` takes."""
        return {"leaves": self.tree.leaves[: self.capacity]}

    def restore(self, arrays: dict[str, NDArray[Any]]) -> None:
        """Take over the arrays of another index of this capacity and alpha.

        Raises:
            ValueError: another length, or leaves that are negative or not finite; nothing has changed then.
        """
        leaves = as_finite(arrays["leaves"], "leaves", self.capacity)
        if leaves.min() < 0.0:
            raise ValueError(f"leaves must not be negative: {leaves.min():g}")
        self.tree.restore(leaves)

    def sample(
        self,
        points: NDArray[np.float64],
        keys: NDArray[np.float64] | None,
        sets: Sequence[SlotSet],
        shares: Sequence[int],
        size: int,
        smallest: float,
        beta: float,
        normalise: str | None,
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """See `sample_mixture`."""
        tree = self.tree
        if tree.kernels is None and keys is None and normalise == "batch":
            slots = tree.find(points)
            leaves = tree.leaves.take(slots)
            # The quotient of two weights is that of their leaves.
            return slots, (leaves.min() / leaves) ** np.float32(beta)
        if tree.kernels is None:
            return sample_mixture(self, points, keys, sets, shares, size, smallest, beta, normalise)
        tree.repair()
        arrays, weighing = (tree.leaves, tree.nodes, tree.offsets, points), (size, smallest, beta, _CODES[normalise])
        drawn: tuple[NDArray[np.int64], NDArray[np.float32]]
        if keys is None:
            drawn = tree.kernels.sample(*arrays, *weighing)
        else:
            members = tuple((one.ring, one.bits, one.head, one.size) for one in sets)
            drawn = tree.kernels.sample_mixture(*arrays, keys, members, tuple(shares), *weighing)
        return drawn

    def update_at_once(
        self,
        indices: Any,
        td_errors: Any,
        epsilon: float,
        floor: float,
        handles: NDArray[np.int64] | None,
        newest: int,
    ) -> tuple[float, int] | None:
        """The whole of an update in one compiled call, for arguments in the form that `sample` and numpy give them.

        Args:
            indices, td_errors, epsilon: as in `PrioritizedSampler.update`.
            floor: the least that |TD error| counts as.
            handles: which handle stands for what each slot holds; None where `indices` are slots.
            newest: the last handle that was given out.

        Returns:
            The largest priority set and the number of stale indices; None where nothing was done: the arguments are
            in another form, or are to be refused with a message.
        """
        tree = self.tree
        if (
            type(indices) is not np.ndarray
            or type(td_errors) is not np.ndarray
            or indices.dtype != _INT64
            or td_errors.dtype not in _FLOATS
            or indices.ndim != 1
            or indices.size == 0
            or td_errors.shape != indices.shape
            or not indices.flags.c_contiguous
            or not td_errors.flags.c_contiguous
        ):
            return None
        if tree.kernels is None:
            return self._update_at_once(indices, td_errors, epsilon, floor, handles)
        tree.repair()
        largest, stale = tree.kernels.update(
            tree.leaves,
            tree.nodes,
            tree.offsets,
            _NO_HANDLES if handles is None else handles,
            newest,
            indices,
            td_errors,
            epsilon,
            floor,
            self.alpha,
            SMALLEST_LEAF,
            LARGEST_LEAF,
        )
        return None if largest < 0.0 else (largest, stale)

    def _update_at_once(
        self,
        indices: NDArray[np.int64],
        td_errors: NDArray[Any],
        epsilon: float,
        floor: float,
        handles: NDArray[np.int64] | None,
    ) -> tuple[float, int] | None:
        """The usual case in few calls: no index is stale, no error out of bounds."""
        slots = indices
        if handles is not None:
            slots = indices % handles.size
            if handles.take(slots).tobytes() != indices.tobytes():
                return None
        elif indices.min() < 0 or indices.max() >= self.capacity:
            return None
        priorities = np.abs(td_errors, dtype=np.float64)
        if floor:
            np.maximum(priorities, floor, out=priorities)
        priorities += epsilon
        # Written so that a NaN fails too. No leaf is too small: that of epsilon is not.
        largest = float(priorities.max())
        if not largest <= self._largest_priority:
            return None
        if np.count_nonzero(self.tree.leaves.take(slots)) < slots.size:
            return None
        self.tree.set(slots, priorities**self.alpha)
        return largest, 0

    def leaves_of(self, priorities: NDArray[np.float64]) -> NDArray[np.float64]:
        """p^alpha. Raises ValueError where that cannot be summed."""
        with np.errstate(over="ignore", under="ignore"):
            leaves: NDArray[np.float64] = priorities**self.alpha
        if leaves.size and not (leaves.min() >= SMALLEST_LEAF and leaves.max() <= LARGEST_LEAF):
            raise ValueError(
                f"(|TD error| + epsilon)^alpha is between {leaves.min():g} and {leaves.max():g}, and that cannot be"
                f" summed: the TD errors have diverged, or alpha={self.alpha:g} is too large"
            )
        return leaves
