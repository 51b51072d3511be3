"""A bounded set of slots in order of entry: the rare events of a buffer, or its newest transitions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


class SlotSet:
    """At most `limit` slots; the oldest leaves when another enters.

    A ring of slots in order of entry and a bitmap of membership: 4 bytes a member and 1 bit a slot. Entry, a draw, and
    removal of the oldest or the newest member are O(1); removal from the middle moves the members on one side of it.

    Args:
        capacity: slots are in [0, capacity).
        limit: size of the set at most; 0 keeps it empty.

    Attributes:
        ring: int32 or int64 of shape (max(limit, 1),); the members are at (head + k) % limit, oldest first.
        bits: uint8 of shape (ceil(capacity / 8),); bit slot % 8 of byte slot // 8 says whether a slot is a member.
        head, size: where the oldest member is in `ring`, and how many there are.
    """

    def __init__(self, capacity: int, limit: int) -> None:
        self.limit = limit
        self.ring = np.zeros(max(limit, 1), np.int32 if capacity <= 2**31 else np.int64)
        self.bits = np.zeros((capacity + 7) // 8, np.uint8)
        self._view: Any = memoryview(self.bits.data)  # one number is read through it in half the time
        self.head = self.size = 0

    def __len__(self) -> int:
        return self.size

    def __contains__(self, slot: int) -> bool:
        return bool(self._view[slot >> 3] >> (slot & 7) & 1)

    def contains(self, slots: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Membership of each slot, shape (B,)."""
        members: NDArray[np.bool_] = (self.bits[slots >> 3] >> (slots & 7).astype(np.uint8) & 1).astype(np.bool_)
        return members

    def slots(self) -> NDArray[np.int64]:
        """The members, oldest first; a copy."""
        return self._at(np.arange(self.size))

    def add(self, slot: int) -> int:
        """Enter `slot` as the newest member. Returns the slot that had to leave, or -1."""
        if self.limit == 0:
            return -1
        self.discard(slot)
        leaver = -1
        if self.size == self.limit:
            leaver = int(self.ring[self.head])
            self.discard(leaver)
        self.ring[(self.head + self.size) % self.limit] = slot
        self.bits[slot >> 3] |= 1 << (slot & 7)
        self.size += 1
        return leaver

    def discard(self, slot: int) -> bool:
        """Remove `slot`; False if it was no member."""
        if slot not in self:
            return False
        self.bits[slot >> 3] &= 255 ^ 1 << (slot & 7)
        if self.ring[self.head] == slot:
            self.head = (self.head + 1) % self.limit
        elif self.ring[(self.head + self.size - 1) % self.limit] != slot:
            self._close_gap(self._place(slot))
        self.size -= 1
        return True

    def _place(self, slot: int) -> int:
        """How many members are older than the member `slot`."""
        start, reach = 0, 64
        while True:
            found = np.flatnonzero(self._at(np.arange(start, min(start + reach, self.size))) == slot)
            if found.size:
                return start + int(found[0])
            start, reach = start + reach, 8 * reach

    def _close_gap(self, place: int) -> None:
        """Move the older or the younger members, whichever are fewer, by one place, onto the one at `place`."""
        if 2 * place < self.size:
            older = np.arange(place)
            self.ring[(self.head + older + 1) % self.limit] = self._at(older)
            self.head = (self.head + 1) % self.limit
        else:
            younger = np.arange(place + 1, self.size)
            self.ring[(self.head + younger - 1) % self.limit] = self._at(younger)

    def replace(self, slot: int, other: int) -> None:
        """`other`, which is no member, takes the place of the member `slot` in the order."""
        self.ring[(self.head + self._place(slot)) % self.limit] = other
        self.bits[slot >> 3] &= 255 ^ 1 << (slot & 7)
        self.bits[other >> 3] |= 1 << (other & 7)

    def draw(self, points: NDArray[np.float64]) -> NDArray[np.int64]:
        """The members at `points` in [0, 1), uniform points give uniform members, int64 of the shape of `points`.

        The set must not be empty.
        """
        return self._at((points * self.size).astype(np.int64))

    def clear(self) -> None:
        """Remove every member."""
        self.bits.fill(0)
        self.head = self.size = 0

    def restore(self, members: NDArray[np.int64]) -> None:
        """Make `members`, oldest first, the members.

        Raises:
            ValueError: there are more than `limit`.
        """
        if members.size > self.limit:
            raise ValueError(f"{members.size} slots are kept in a set of {self.limit} at most")
        self.clear()
        for slot in members.tolist():
            self.add(slot)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_view"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._view = memoryview(self.bits.data)

    def _at(self, places: NDArray[np.int64]) -> NDArray[np.int64]:
        return self.ring[(self.head + places) % max(self.limit, 1)].astype(np.int64)
