"""The law of rank-based prioritisation (Schaul et al. 2015, section 3.3)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from .._validate import as_count, as_finite, as_float
from .mixture import sample_mixture
from .sorted_keys import SortedKeys

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

_INFINITY = np.array(np.inf).view(np.int64)
_SMALLEST_MASS = 1e-140
_WAITING = 1024


class RankIndex:
    """P(i) proportional to (1 / rank(i))^alpha, where rank 1 has the largest priority.

    The ranks are true at every draw: no order is left to grow stale between sorts. Equal priorities are ranked by slot,
    the lowest first. Priorities are compared in their leading bits, 52 - log2(capacity) of the mantissa (32 of them at
    a million slots, more than float32 has); those that differ by less are equal.

    `set` and `remove` only note what changed; the order is brought up to date by the next question about it, so that
    many adds share one change. A draw and an update of B slots cost O(B log n + sqrt(n)) amortised.

    Args:
        capacity: number of slots.
        alpha: exponent, >= 0; 0 is uniform.

    Raises:
        TypeError, ValueError: an argument of the wrong type or out of range; an alpha for which the last rank's
            probability vanishes in float64.
    """

    def __init__(self, capacity: int, alpha: float) -> None:
        self.capacity = as_count(capacity, "capacity")
        self.alpha = as_float(alpha, "alpha", 0.0)
        if -self.alpha * math.log10(self.capacity) < math.log10(_SMALLEST_MASS):
            raise ValueError(
                f"alpha={self.alpha:g} is too large for rank-based priorities: the last of {self.capacity} ranks would"
                f" never be drawn; 0.5 to 1 is usual"
            )
        self._mass = np.arange(1, self.capacity + 1, dtype=np.float64)
        self._mass **= -self.alpha
        np.cumsum(self._mass, out=self._mass)
        # A key is a slot below the leading bits of how far its priority is from infinity: keys ascend as those fall.
        self._slot_bits = (1 << (self.capacity - 1).bit_length()) - 1
        self._priority_bits = np.array(~self._slot_bits)
        self._keys = np.full(self.capacity, -1, np.int64)
        self._order = SortedKeys()
        self._start()

    def _start(self) -> None:
        self._size = 0
        self._touched: list[NDArray[np.int64]] = []
        self._before: list[NDArray[np.int64]] = []
        self._waiting = 0

    def __len__(self) -> int:
        """Number of slots that have a priority."""
        return self._size

    @property
    def smallest(self) -> float:
        """The least probability of a stored slot, infinity if there is none."""
        return float(self._size) ** -self.alpha / float(self._mass[self._size - 1]) if self._size else math.inf

    def set(self, slots: NDArray[np.int64], priorities: NDArray[np.float64]) -> None:
        """Give `slots` these priorities, shape (B,), positive and finite; of equal slots the last counts."""
        # The bits of positive floats, read as integers, are in the order of the floats.
        keys = (_INFINITY - priorities.view(np.int64)) & self._priority_bits | slots
        before = self._keys[slots]
        self._size += self._count_distinct(slots[before < 0])
        self._note(slots, before, keys)

    def put(self, slot: int, priority: float) -> bool:
        """`set` for one slot. Returns whether it was empty."""
        return self.put_many(np.array([slot]), priority) == 1

    def put_many(self, slots: NDArray[np.int64], priority: float, run: bool = False) -> int:
        """`set` to one priority for all. Returns how many different slots were empty.

        Args:
            run: whether each slot is the one before plus 1; it makes no difference here.
        """
        del run
        stored = self._size
        self.set(slots, np.full(slots.size, priority))
        return self._size - stored

    def remove(self, slots: NDArray[np.int64]) -> None:
        """Empty `slots`; those that are empty already are passed over."""
        before = self._keys[slots]
        self._size -= self._count_distinct(slots[before >= 0])
        self._note(slots, before, -1)

    def move(self, slot: int, other: int) -> None:
        """Give the priority of `slot`, which has one and becomes empty, to `other`."""
        slots = np.array([slot, other])
        before = self._keys[slots]
        self._size -= int(before[1] >= 0)
        self._note(slots, before, np.array([-1, (before[0] & self._priority_bits) | other]))

    sample = sample_mixture  # as a method: the index itself is the law

    def update_at_once(self, *arguments: Any) -> None:
        """None: updates by rank have no short way, see `ProportionalIndex.update_at_once`."""

    def find(self, points: NDArray[np.float64]) -> NDArray[np.int64]:
        """The slots at these quantiles of the cumulative law, in order of rank; points in [0, 1), shape (B,).

        Raises:
            ValueError: no slot has a priority.
        """
        if self._size == 0:
            raise ValueError("no slot has a priority yet")
        self._settle()
        mass = self._mass[: self._size]
        ranks = mass.searchsorted(points * mass[-1], side="right")
        # Points that callers spread over segments can round up to 1.
        return self._order.select(np.minimum(ranks, self._size - 1)) & self._slot_bits

    def density(self, slots: NDArray[np.int64]) -> NDArray[np.float64]:
        """P(i) of each slot, float64 of shape (B,): sums to 1 over the stored slots and is 0 for empty ones."""
        self._settle()
        keys = self._keys[slots]
        share = (keys >= 0) / self._mass[self._size - 1]
        density: NDArray[np.float64] = share * (self._order.rank(keys) + 1.0) ** -self.alpha
        return density

    def contains(self, slots: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether each slot has a priority, bool of shape (B,)."""
        stored: NDArray[np.bool_] = self._keys[slots] >= 0
        return stored

    def clear(self) -> None:
        """Empty every slot."""
        self._keys.fill(-1)
        self._order.clear()
        self._start()

    def state(self) -> dict[str, NDArray[np.float64]]:
        """`priorities`, float64 of shape (capacity,) in the precision in which they are compared, 0 for empty slots."""
        priorities = (_INFINITY - (self._keys & self._priority_bits)).view(np.float64)
        # What rounding made infinite is compared as the largest float is.
        return {"priorities": np.where(self._keys >= 0, np.minimum(priorities, np.finfo(np.float64).max), 0.0)}

    def restore(self, arrays: Mapping[str, NDArray[np.float64]]) -> None:
        """Take up what `state` of an index of this capacity returned: all ranks are as they were then.

        Raises:
            ValueError: another length, or a priority that is negative or not finite; nothing has changed then.
        """
        priorities = as_finite(arrays["priorities"], "priorities", self.capacity)
        if priorities.min() < 0.0:
            raise ValueError(f"priorities must not be negative: {priorities.min():g}")
        slots = np.flatnonzero(priorities)
        self.clear()
        self.set(slots, priorities[slots])

    def _note(self, slots: NDArray[np.int64], before: NDArray[np.int64], keys: NDArray[np.int64] | int) -> None:
        self._keys[slots] = keys
        self._touched.append(slots.copy())
        self._before.append(before)
        self._waiting += slots.size
        if self._waiting > _WAITING:
            self._settle()

    def _settle(self) -> None:
        """Bring the order up to date with the keys."""
        if not self._waiting:
            return
        slots, before = np.concatenate(self._touched), np.concatenate(self._before)
        self._touched, self._before, self._waiting = [], [], 0
        after = self._keys[slots]
        # The order knows each slot by the key it had when it was touched first.
        changed = self._first_of_equal(slots) & (before != after)
        self._keys[slots] = after
        self._order.change(before[changed & (before >= 0)], after[changed & (after >= 0)])

    def _first_of_equal(self, slots: NDArray[np.int64]) -> NDArray[np.bool_]:
        """True where a slot occurs for the first time. Overwrites their keys."""
        places = np.arange(slots.size)
        self._keys[slots[::-1]] = places[::-1]  # of equal slots the last assignment stays
        first: NDArray[np.bool_] = self._keys[slots] == places
        return first

    def _count_distinct(self, slots: NDArray[np.int64]) -> int:
        """Number of different slots. Overwrites their keys."""
        return slots.size if slots.size < 2 else int(np.count_nonzero(self._first_of_equal(slots)))
