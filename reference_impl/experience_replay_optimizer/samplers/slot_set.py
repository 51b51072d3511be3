"""A bounded set of slots in order of entry: the rare events of a buffer, or its newest transitions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


class SlotSet:
    """At most `limit` slots; the oldest leaves when another enters. Entry, removal and a draw are O(1) amortised.

    Args:
        capacity: slots are in [0, capacity).
        limit: size of the set at most; 0 keeps it empty.
    """

    def __init__(self, capacity: int, limit: int) -> None:
        self.limit = limit
        # A queue with holes: -1 marks a slot that left out of order. Twice the limit makes compaction rare enough
        # to cost O(1) an entry, and the arrays never grow.
        length = 2 * limit
        self._queue = np.full(length, -1, np.int64)
        self._place = np.full(capacity, -1, np.int32 if length < 2**31 else np.int64)
        self._head = self._tail = self._size = 0

    def __len__(self) -> int:
        return self._size

    def __contains__(self, slot: int) -> bool:
        return bool(self._place[slot] >= 0)

    def contains(self, slots: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Membership of each slot, shape (B,)."""
        member: NDArray[np.bool_] = self._place[slots] >= 0
        return member

    def slots(self) -> NDArray[np.int64]:
        """The members, oldest first; a copy."""
        queue = self._queue[self._head : self._tail]
        return queue[queue >= 0]

    def add(self, slot: int) -> int:
        """Enter `slot` as the newest member. Returns the slot that had to leave, or -1."""
        if self.limit == 0:
            return -1
        self.discard(slot)
        leaver = -1
        if self._size == self.limit:
            leaver = int(self._queue[self._head])
            self.discard(leaver)
        if self._tail == self._queue.size:
            self._compact()
        self._queue[self._tail] = slot
        self._place[slot] = self._tail
        self._tail += 1
        self._size += 1
        return leaver

    def discard(self, slot: int) -> bool:
        """Remove `slot`; False if it was no member."""
        place = int(self._place[slot])
        if place < 0:
            return False
        self._queue[place] = -1
        self._place[slot] = -1
        self._size -= 1
        while self._head < self._tail and self._queue[self._head] < 0:
            self._head += 1
        return True

    def draw(self, count: int, rng: np.random.Generator) -> NDArray[np.int64]:
        """`count` members, uniformly and with replacement, int64 of shape (count,). The set must not be empty."""
        if 2 * self._size < self._tail - self._head:
            self._compact()
        drawn = self._queue[rng.integers(self._head, self._tail, count)]
        holes = np.flatnonzero(drawn < 0)
        while holes.size:
            drawn[holes] = self._queue[rng.integers(self._head, self._tail, holes.size)]
            holes = holes[drawn[holes] < 0]
        return drawn

    def clear(self) -> None:
        """Remove every member."""
        self._queue.fill(-1)
        self._place.fill(-1)
        self._head = self._tail = self._size = 0

    def _compact(self) -> None:
        members = self.slots()
        self._queue[: members.size] = members
        self._place[members] = np.arange(members.size)
        self._head, self._tail = 0, members.size
