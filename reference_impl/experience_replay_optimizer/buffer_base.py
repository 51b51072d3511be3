"""What every buffer does: storage and sampler side by side, and handles that know when they are stale."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ._validate import as_column, as_count, as_finite, as_indices
from .persistence import load, save
from .storage.batch import Batch
from .storage.columns import ColumnStorage
from .storage.fields import as_rows
from .storage.objects import ObjectStorage, reward_getter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    import os

    from numpy.typing import NDArray

    from .schedules import Schedule
    from .storage.base import Storage

_STATE = ("stale_updates", "_lap", "_newest", "_newest_handle", "_next_side")


class Sample(NamedTuple):
    """What `sample` returns.

    Attributes:
        batch: a `Batch` of the transitions given to `add`, or the list of the very objects given to `append`.
        weights: importance-sampling weights, float32 of shape (B,).
        indices: handles for `update_priorities`, int64 of shape (B,).
    """

    batch: Any
    weights: NDArray[np.float32]
    indices: NDArray[np.int64]


class ReplayBufferBase:
    """Storage + sampler. Use a subclass; this one says how they work together.

    The first `add` or `append` decides what is stored; the two do not mix. When the buffer is full, the oldest
    transition that is not protected is overwritten, so memory is bounded by `capacity` transitions.

    Indices are opaque handles slot + capacity * lap, equal to the slot on the first lap: `slots` decodes them, and an
    update for a transition that has been overwritten since is ignored and counted in `stale_updates`.

    Threads: each method is atomic. An actor may add while a learner samples and updates; a batch never holds half a
    transition, and the priority of a transition that was overwritten meanwhile goes nowhere. Schedules and `is_rare`
    are called under the lock.

    Pickling copies everything, the random generator included: a copy in another process draws the same batches.
    """

    def __init__(
        self,
        sampler: Any,
        is_rare: Callable[[Any], bool] | None,
        rare_flags: Sequence[str],
        reward: str | int | Callable[[Any], float] | None,
        storage: Storage | None = None,
    ) -> None:
        if is_rare is not None and not callable(is_rare):
            raise TypeError(f"is_rare must be callable, not {is_rare!r}")
        if isinstance(rare_flags, str):
            raise TypeError(f'rare_flags must be a sequence of names, not one string; write ("{rare_flags}",)')
        self.sampler = sampler
        self.capacity: int = sampler.capacity
        self.rare_flags = tuple(rare_flags)
        self.stale_updates = 0
        self._is_rare = is_rare
        self._reward_of = reward_getter(reward)
        self.storage: Storage = ColumnStorage() if storage is None else storage
        # Behind a ring that is read through neighbours, there are rows for what is protected when its turn comes.
        kept = sampler.rare_limit if self.storage.linked and sampler.preserves_rare else 0
        self.storage.open(self.capacity, kept)
        self._ring = self.capacity - kept
        self._next_side = self._ring
        self._objects: ObjectStorage | None = None
        self._handle_of = np.full(self.capacity, -1, np.int64)
        self._handle_view = memoryview(self._handle_of)
        self._lap = 0  # in units of the capacity: what is added to a slot to make its handle
        self._newest = -1
        self._newest_handle = -1
        self._order: NDArray[np.int64] | None = None
        self._lock = threading.RLock()

    @property
    def alpha(self) -> float:
        """Exponent of the priorities."""
        return self.sampler.alpha

    @property
    def beta(self) -> float:
        """Exponent of the next weights; assigning replaces the schedule."""
        return self.sampler.beta

    @beta.setter
    def beta(self, value: float | Schedule | Callable[[], float]) -> None:
        self.sampler.beta = value

    @property
    def epsilon(self) -> float:
        """Added to |TD error| in a priority."""
        return self.sampler.epsilon

    @property
    def max_priority(self) -> float:
        """Largest |TD error| + epsilon so far: the priority of new transitions."""
        return self.sampler.max_priority

    @property
    def maxlen(self) -> int:
        """The capacity, under the name that `collections.deque` has for it."""
        return self.capacity

    @property
    def protected(self) -> NDArray[np.int64]:
        """Handles of the protected transitions, oldest protection first."""
        with self._lock:
            return self._handle_of.take(self.sampler.protected)

    def add(
        self,
        state: Any,
        action: Any,
        reward: Any,
        next_state: Any,
        done: Any,
        info: Mapping[str, Any] | None = None,
        **extras: Any,
    ) -> None:
        """Store a transition in columns, with the maximum priority.

        Args:
            state, next_state: numbers or arrays of one shape throughout, or dicts of them; tensors are copied to the
                CPU.
            action: number or array of one shape throughout.
            reward: finite number.
            done: flag; whether to bootstrap from `next_state` is decided by it, so pass `terminated`, not `truncated`.
            info: the environment's dict; a true value under one of `rare_flags` protects the transition.
            extras: further columns, such as `discount=0.97`: the same ones in every call. `batch["discount"]`.

        Raises:
            TypeError: a field is not made of numbers.
            ValueError: another shape than the first transition's, a reward that is not finite, or the buffer holds
                objects from `append`. Nothing has changed then.
        """
        with self._lock:
            if self._objects is not None:
                raise ValueError("this buffer holds objects given to append(); use append(), or clear() first")
            transition = (state, action, reward, next_state, done)
            rare = None
            if info is not None or self._is_rare is not None:
                rare = self._verdict(transition, info)
            slot = self._next_slot()
            number = self.storage.write(slot, transition, extras)
            self._stored(slot, number, rare)

    def add_batch(
        self,
        states: Any,
        actions: Any,
        rewards: Any,
        next_states: Any,
        dones: Any,
        infos: Sequence[Mapping[str, Any] | None] | None = None,
        **extras: Any,
    ) -> None:
        """Store n transitions in their order, such as one of each of n environments that step together.

        Args:
            states, actions, rewards, next_states, dones: as in `add`, with a leading axis of n rows.
            infos: n dicts, as in `add`.
            extras: further columns of n rows.

        Raises:
            TypeError, ValueError: as in `add`, columns of different lengths, more rows than the capacity. Nothing has
                changed then.
        """
        with self._lock:
            if self._objects is not None:
                raise ValueError("this buffer holds objects given to append(); use append(), or clear() first")
            columns = (states, actions, rewards, next_states, dones)
            count = len(rewards)
            if count > self._ring:
                raise ValueError(f"{count} transitions at once, and the buffer holds {self._ring}: add them in parts")
            if infos is not None and len(infos) != count:
                raise ValueError(f"infos has {len(infos)} dicts, expected {count}")
            if count == 0:
                return
            verdicts = None
            if self.sampler.preserves_rare and (infos is not None or self._is_rare is not None):
                rows: Any = Batch(*as_rows(columns, count)) if self._is_rare is not None else [()] * count
                verdicts = [
                    self._verdict(row, None if infos is None else infos[at]) for at, row in enumerate(rows)
                ]
            slots = self._next_slots(count)
            if self.storage.linked:
                for slot in slots.tolist():
                    if self.sampler.is_protected(slot):
                        self._relocate(slot)
            numbers = self.storage.write_batch(slots, columns, extras)
            if 0 <= slots[0] <= self._newest:
                self._lap += self.capacity
            handles = slots + self._lap
            if slots[-1] < slots[0]:  # the ring's end lies within
                handles[np.arange(count) >= np.argmax(slots < slots[0])] += self.capacity
                self._lap += self.capacity
            self._handle_of[slots] = handles
            self._newest, self._newest_handle = int(slots[-1]), int(handles[-1])
            self._order = None
            self.sampler.add_many(slots, numbers.tolist() if self.sampler.preserves_rare else None, verdicts)

    def append(self, item: Any) -> None:
        """Store any object, with the maximum priority. Its reward is found as the constructor's `reward` says.

        Raises:
            ValueError: a reward that is not finite, or the buffer holds transitions from `add`. Nothing has changed.
        """
        self.extend((item,))

    def extend(self, items: Iterable[Any]) -> None:
        """`append` each of `items`; if one of them is refused, none is stored."""
        items = list(items)
        with self._lock:
            if self._newest >= 0 and self._objects is None:
                raise ValueError("this buffer holds transitions given to add(); use add(), or clear() first")
            rewards = [self._reward(item) for item in items]
            verdicts = [self._verdict(item, None) for item in items]
            if items and self._objects is None:
                self._objects = ObjectStorage()
            for item, reward, rare in zip(items, rewards, verdicts):  # noqa: B905
                slot = self._next_slot()
                self._objects.write(slot, item)  # type: ignore[union-attr]
                self._stored(slot, reward, rare)

    def sample(self, batch_size: int, beta: float | None = None) -> Sample:
        """Draw transitions with replacement.

        Args:
            batch_size: number of transitions B, at most `len(self)`.
            beta: exponent of the weights for this batch alone; the schedule then stays where it is.

        Returns:
            (batch, weights, indices), see `Sample`; the arrays belong to the caller.

        Raises:
            ValueError: fewer than `batch_size` transitions are stored.
            TypeError: batch_size is no int.
        """
        count = batch_size if type(batch_size) is int and batch_size > 0 else as_count(batch_size, "batch_size")
        with self._lock:
            if count > len(self.sampler):
                raise ValueError(f"batch_size is {count}, and the buffer holds only {len(self)} transitions")
            slots, weights = self.sampler.sample(count, beta)
            storage: Any = self.storage if self._objects is None else self._objects
            return Sample(storage.gather(slots), weights, self._handle_of.take(slots))

    def update_priorities(self, indices: Any, td_errors: Any) -> None:
        """Set the priorities of drawn transitions to |TD error| + epsilon.

        Args:
            indices: what `sample` returned, shape (B,); handles of transitions that are gone are ignored and counted.
            td_errors: shape (B,) or (B, 1), signed or absolute; numpy, tensors and lists are taken.

        Raises:
            ValueError: another length, NaN or inf, or an index that this buffer never returned. Nothing has changed.
            TypeError: indices that are no integers.
        """
        with self._lock:
            stale = self.sampler.update_at_once(indices, td_errors, self._handle_of, self._newest_handle)
            if stale is None:
                handles = as_indices(indices)
                errors = as_finite(td_errors, "td_errors", handles.size)
                current = self._current(handles)
                self.sampler.update(handles[current] % self.capacity, errors[current])
                stale = int(handles.size - np.count_nonzero(current))
            self.stale_updates += stale

    def slots(self, indices: Any) -> NDArray[np.int64]:
        """The slots in [0, capacity) that handles stand for, int64 of shape (B,)."""
        return as_indices(indices) % self.capacity

    def protect(self, indices: Any) -> None:
        """Keep transitions from being overwritten, within the quota; handles of those that are gone are ignored.

        Raises:
            ValueError: an index that this buffer never returned, or a storage that keeps rare events apart and was
                told by `rare_fraction=0` that there will be none.
        """
        handles = as_indices(indices)
        with self._lock:
            if self.storage.linked and self._ring == self.capacity and self._objects is None:
                raise ValueError("with this storage, protect() needs rare_fraction and rare_quota above 0")
            self.sampler.protect(handles[self._current(handles)] % self.capacity)

    def unprotect(self, indices: Any) -> None:
        """End the protection of transitions; handles of those that are gone are ignored."""
        handles = as_indices(indices)
        with self._lock:
            self.sampler.unprotect(handles[self._current(handles)] % self.capacity)

    def clear(self) -> None:
        """Forget all transitions, their priorities and protections. Handles given out before are stale from now on.

        The beta schedule and the random generator go on; the next `add` or `append` decides anew what is stored.
        """
        with self._lock:
            self.sampler.clear()
            self.storage.clear()
            self._objects = self._order = None
            if self._newest >= 0:
                self._lap += self.capacity
            self._handle_of.fill(-1)
            self._newest = -1
            self._next_side = self._ring

    def save(self, path: str | os.PathLike[str], types: Iterable[type] = ()) -> None:
        """Write everything to a file: transitions, priorities, protections, schedule and random generator.

        No pickle; the file replaces another of that name only when it is complete. See `persistence`.

        Args:
            path: any name, with any suffix or none.
            types: namedtuple classes of the objects given to `append`, if there are any.

        Raises:
            TypeError: an object given to `append` that is not made of arrays, numbers, strings, tuples, lists, dicts and
                namedtuples of `types`.
            OSError: the file cannot be written.
        """
        with self._lock:
            save(self, path, types)

    def load(self, path: str | os.PathLike[str], types: Iterable[type] = ()) -> None:
        """Take over what `save` wrote: the buffer then draws what the other would have drawn next.

        The constructor's arguments are not in the file, but those that must agree are compared.

        Args:
            path: a file that `save` wrote.
            types: namedtuple classes of the objects in it.

        Raises:
            ValueError: no such file of ours, a newer version, a damaged one, or another kind of buffer, capacity, alpha
                or epsilon. Nothing has changed then.
            OSError: the file cannot be read.
        """
        with self._lock:
            load(self, path, types)

    @property
    def objects(self) -> list[Any] | None:
        """The objects given to `append`, by slot; None where there are columns or nothing yet."""
        return None if self._objects is None else self._objects.items

    @property
    def handle_array(self) -> NDArray[np.int64]:
        """The handle of what each slot holds, shape (capacity,), -1 where it holds nothing."""
        return self._handle_of

    def state(self) -> dict[str, Any]:
        """What `save` writes of the buffer itself, beside its storage and its sampler."""
        return {name: getattr(self, name) for name in _STATE}

    def restore(self, state: dict[str, Any], handles: NDArray[np.int64], objects: list[Any] | None) -> None:
        """Take over what `state` returned, after the storage and the sampler have taken over theirs."""
        for name in _STATE:
            setattr(self, name, state[name])
        self._handle_of[:] = handles
        self._objects = None if objects is None else ObjectStorage(objects)
        self._order = None

    def __len__(self) -> int:
        return len(self.sampler)

    def __iter__(self) -> Iterator[Any]:
        """The transitions or objects, oldest first."""
        with self._lock:
            slots = self._oldest_first().tolist()
        for slot in slots:
            with self._lock:
                row = self._row(slot)
            yield row

    def __getitem__(self, at: int | slice) -> Any:
        """The transition or object at a position, 0 the oldest and -1 the newest; a list for a slice."""
        with self._lock:
            if isinstance(at, slice):
                return [self._row(slot) for slot in self._oldest_first()[at].tolist()]
            if not -len(self) <= at < len(self):
                raise IndexError(f"index {at} is out of range: the buffer holds {len(self)}")
            return self._row(self._newest if at in (-1, len(self) - 1) else int(self._oldest_first()[at]))

    def pop(self, *args: Any) -> None:
        """Not supported: a full buffer overwrites by itself."""
        raise NotImplementedError(
            f"pop{args if args else '()'} is not supported: the buffer overwrites its oldest transition by itself when"
            f" it holds {self.capacity}; remove the call, clear() empties the buffer"
        )

    def popleft(self) -> None:
        """Not supported: a full buffer overwrites by itself."""
        raise NotImplementedError(
            "popleft() is not supported: the buffer overwrites its oldest transition by itself when it holds"
            f" {self.capacity}; remove the call, clear() empties the buffer"
        )

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self)} of {self.capacity}, alpha={self.alpha:g}, beta={self.beta:g})"

    def _row(self, slot: int) -> Any:
        return self.storage.row(slot) if self._objects is None else self._objects.row(slot)

    def _reward(self, item: Any) -> float | None:
        if self._reward_of is None:
            return None
        rewards = as_column(self._reward_of(item), "reward")
        return float(as_finite(rewards, "reward", 1)[0])

    def _verdict(self, item: Any, info: Mapping[str, Any] | None) -> bool | None:
        """Whether the caller's own test or flags say that a transition is rare; None where they say nothing."""
        if info is not None:
            if not hasattr(info, "get"):
                raise TypeError(f"info must be a dict or None, not {type(info).__name__}")
            if any(bool(info.get(flag, False)) for flag in self.rare_flags):
                return True
        return bool(self._is_rare(item)) if self._is_rare is not None and self.sampler.preserves_rare else None

    def _next_slot(self) -> int:
        # Asked when it is written to, not before: the slot may have been protected since the last write.
        slot = self._newest + 1
        if slot == self._ring:
            slot = 0
        if self.sampler.is_protected(slot):
            if self.storage.linked and self._objects is None:
                self._relocate(slot)
            else:
                slot = self.sampler.next_slot(slot)
        return slot

    def _next_slots(self, count: int) -> NDArray[np.int64]:
        slots = (np.arange(count) + (self._newest + 1)) % self._ring
        if self.storage.linked or not len(self.sampler.protected):
            return slots
        free = np.arange(self.capacity)
        free = free[~np.isin(free, self.sampler.protected)]
        if count > free.size:
            raise ValueError(f"{count} transitions at once, and {free.size} slots are free: add them in parts")
        return free[(np.arange(count) + free.searchsorted(self._newest, "right")) % free.size]

    def _relocate(self, slot: int) -> None:
        """Move the protected transition of ring slot `slot` to a row behind the ring."""
        # No more transitions are protected than there are such rows, and one of them is in the ring.
        while self.sampler.is_protected(self._next_side):
            self._next_side = self._next_side + 1 if self._next_side + 1 < self.capacity else self._ring
        side = self._next_side
        self.storage.keep(slot, side)
        self.sampler.move(slot, side)
        self._lap += self.capacity  # a row that is used twice in a lap has two handles
        self._handle_of[slot] = -1
        self._newest_handle = self._handle_view[side] = side + self._lap

    def _stored(self, slot: int, reward: float | None, rare: bool | None) -> None:
        if slot <= self._newest:
            self._lap += self.capacity
        self._newest = slot
        self._newest_handle = self._handle_view[slot] = slot + self._lap
        self._order = None
        self.sampler.add_one(slot, reward, rare)

    def _current(self, handles: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which handles still stand for what they stood for."""
        if handles.size and handles.max() > self._newest_handle:
            raise ValueError(f"index {int(handles.max())} was never returned by this buffer")
        return self._handle_of.take(handles % self.capacity) == handles

    def _oldest_first(self) -> NDArray[np.int64]:
        """Slots in order of writing; what was moved behind the ring is older than what is in it."""
        if self._order is None:
            slots = np.flatnonzero(self._handle_of >= 0)
            # Handles rise with each write, so their order is the order of writing.
            self._order = slots[np.lexsort((self._handle_of[slots], slots < self._ring))]
        return self._order

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name not in ("_lock", "_handle_view")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._handle_view = memoryview(self._handle_of)
        self._lock = threading.RLock()
