"""Which slot is written next, and the handles that know when they are stale."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .storage.base import Linked, Storage

_STATE = ("length", "lap", "newest", "newest_handle", "_next_side")


def claim(sampler: Any) -> None:
    """Make `sampler` a buffer's own. Raises ValueError where it is one's already, or holds slots."""
    if len(sampler) or sampler.taken:
        raise ValueError("the sampler holds slots already, or is another buffer's: give each buffer a new one")
    sampler.taken = True


class Ring:
    """The slots of a buffer in the order of writing.

    A handle is slot + capacity * lap, where the lap rises each time the writing comes round: it equals the slot on the
    first lap, and no two transitions ever share one. In the ring, later transitions have larger ones.

    Protected slots are skipped. A storage whose rows are read through their neighbours cannot be written with gaps: its
    ring is shorter than the capacity, and a protected transition whose turn has come is moved to a row behind the ring.

    Args:
        sampler: says which slots are protected, and is told of moves.
        storage: where the transitions are.

    Attributes:
        moves: whether protected transitions are moved, not skipped.
        blocked: slots just asked for that hold a protected transition. They are moved by `make_room`, once it is sure
            that what is to be written is not refused.
        length: number of slots that are written cyclically.
        handles: int64 of shape (capacity,), the handle of what each slot holds, -1 where it holds nothing.
        newest, newest_handle: the slot written last, -1 for none, and the last handle given out.
    """

    def __init__(self, sampler: Any, storage: Storage) -> None:
        self.capacity: int = sampler.capacity
        self._sampler = sampler
        self._storage = cast("Linked", storage)  # where it is not, nothing is moved
        kept = sampler.rare_limit if storage.linked and sampler.preserves_rare else 0
        storage.open(self.capacity, kept)
        self._kept = kept
        self.blocked: list[int] = []
        self.hold(objects=False)
        self.handles = np.full(self.capacity, -1, np.int64)
        # Writing one number through a memoryview takes half the time of writing it through the array.
        self._view: Any = memoryview(self.handles.data)
        self.lap = 0  # times the capacity: what is added to a slot to make its handle
        self.newest = -1
        self.newest_handle = -1
        self._order: NDArray[np.int64] | None = None

    def hold(self, objects: bool) -> None:
        """Say what will be written, while nothing is held: objects are not linked, whatever the storage of columns."""
        self.moves = self._storage.linked and not objects
        self.length = self.capacity if objects else self.capacity - self._kept
        self._next_side = self.length

    def next_slot(self) -> int:
        """The slot of the next transition."""
        # Asked when it is written to, not before: the slot may have been protected since the last write.
        slot = self.newest + 1
        if slot == self.length:
            slot = 0
        if self._sampler.is_protected(slot):
            if self.moves:
                self.blocked = [slot]
            else:
                slot = self._sampler.next_slot(slot)
        return slot

    def next_slots(self, count: int) -> tuple[NDArray[np.int64], bool]:
        """The slots of the next `count` transitions, and whether each is the one before plus 1.

        Raises:
            ValueError: there are not so many.
        """
        if count > self.length:
            raise ValueError(f"{count} transitions at once, and the buffer holds {self.length}: add them in parts")
        start = self.newest + 1
        slots = np.arange(start, start + count)
        run = start + count <= self.length or start == self.length
        if start + count > self.length:
            slots %= self.length
        protected = self._sampler.are_protected(slots)
        if protected is None:
            return slots, run
        if self.moves:
            self.blocked = slots[protected].tolist()
            return slots, run
        reach = count
        while protected is not None and slots.size - np.count_nonzero(protected) < count:
            if reach == self.capacity:
                free = slots.size - int(np.count_nonzero(protected))
                raise ValueError(f"{count} transitions at once, and {free} slots are not protected: add them in parts")
            reach = min(2 * reach, self.capacity)
            slots = np.arange(start, start + reach) % self.capacity
            protected = self._sampler.are_protected(slots)
        return (slots if protected is None else slots[~protected])[:count], False

    def make_room(self) -> None:
        """Move away the protected transitions in the slots that were asked for last."""
        for slot in self.blocked:
            if self._sampler.is_protected(slot):  # what they were asked for may have been refused, some time ago
                self._move_away(slot)
        self.blocked = []

    def written(self, slot: int) -> None:
        """A transition was written to `slot`, which `next_slot` returned."""
        if slot <= self.newest:
            self.lap += self.capacity
        self.newest = slot
        self.newest_handle = self._view[slot] = slot + self.lap
        self._order = None

    def written_many(self, slots: NDArray[np.int64], run: bool) -> None:
        """Transitions were written to `slots`, which `next_slots` returned with `run`."""
        first, last = int(slots[0]), int(slots[-1])
        if first <= self.newest:
            self.lap += self.capacity
        handles = slots + self.lap
        if run:
            self.handles[first : last + 1] = handles
        else:
            if last < first:  # the ring's end lies within
                handles[slots < first] += self.capacity
                self.lap += self.capacity
            self.handles[slots] = handles
        self.newest, self.newest_handle = last, last + self.lap
        self._order = None

    def current(self, handles: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which handles, int64 of shape (B,), still stand for what they stood for.

        Raises:
            ValueError: one that was never given out.
        """
        if handles.size and handles.max() > self.newest_handle:
            raise ValueError(f"index {int(handles.max())} was never returned by this buffer")
        current: NDArray[np.bool_] = self.handles.take(handles % self.capacity) == handles
        return current

    def oldest_first(self) -> NDArray[np.int64]:
        """Slots in order of writing; what was moved behind the ring is older than what is in it."""
        if self._order is None:
            slots = np.flatnonzero(self.handles >= 0)
            self._order = slots[np.lexsort((self.handles[slots], slots < self.length))]
        return self._order

    def clear(self) -> None:
        """Every handle given out so far is stale from now on."""
        if self.newest >= 0:
            self.lap += self.capacity
        self.handles.fill(-1)
        self.newest = -1
        self.hold(objects=False)
        self._order = None

    def state(self) -> dict[str, int]:
        """What `restore` takes beside the handles, for JSON."""
        return {name: getattr(self, name) for name in _STATE}

    def restore(self, state: dict[str, int], handles: NDArray[np.int64]) -> None:
        """Take over what `state` returned, and the handles, after `hold`.

        Raises:
            ValueError: handles of another capacity, or a ring of another length; nothing has changed then.
        """
        if handles.shape != self.handles.shape:
            raise ValueError(f"there are {handles.size} handles, expected {self.capacity}")
        if state["length"] != self.length:
            raise ValueError(f"{state['length']} slots were written cyclically, and here {self.length}: set rare_quota")
        for name in _STATE:
            setattr(self, name, state[name])
        self.handles[:] = handles
        self._order = None

    def _move_away(self, slot: int) -> None:
        """Move the protected transition of ring slot `slot` to a row behind the ring."""
        # No more transitions are protected than there are such rows, and one of them is in the ring.
        while self._sampler.is_protected(self._next_side):
            self._next_side = self._next_side + 1 if self._next_side + 1 < self.capacity else self.length
        side = self._next_side
        self._storage.keep(slot, side)
        self._sampler.move(slot, side)
        # A lap of its own: a row that is used twice has two handles, and what is written next has a larger one.
        self.lap += self.capacity
        self.handles[slot] = -1
        self.newest_handle = self._view[side] = side + self.lap
        self.lap += self.capacity
        self._order = None

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_view"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._view = memoryview(self.handles.data)
