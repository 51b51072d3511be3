"""What every buffer does: storage and sampler side by side, and handles that know when they are stale."""

from __future__ import annotations

import copy
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ._validate import as_column, as_count, as_finite, as_indices
from .persistence import load, save
from .rare_marks import RareMarks
from .ring import Ring, claim
from .storage.batch import Batch
from .storage.columns import ColumnStorage
from .storage.fields import as_rows, flatten
from .storage.objects import ObjectStorage, reward_getter

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from numpy.typing import NDArray

    from .samplers.prioritized import PrioritizedSampler
    from .samplers.uniform import UniformSampler
    from .schedules import Schedule
    from .storage.base import Storage


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


@Sequence.register  # as a deque is one: `random.sample` draws from nothing else
class ReplayBuffer:
    """Storage + sampler. `PrioritizedReplayBuffer` and its siblings bring the sampler along; this class takes any.

    The first `add` or `append` decides what is stored; the two do not mix. When the buffer is full, the oldest
    transition that is not protected is overwritten, so memory is bounded by `capacity` transitions.

    Indices are opaque handles slot + capacity * lap, equal to the slot on the first lap: `slots` decodes them, and an
    update for a transition that has been overwritten since is ignored and counted in `stale_updates`.

    Threads: each method is atomic. An actor may add while a learner samples and updates; a batch never holds half a
    transition, and the priority of a transition that was overwritten meanwhile goes nowhere. Schedules and `is_rare`
    are called under the lock.

    Pickling copies everything, the random generator included: a copy in another process draws the same batches.

    Args:
        sampler: decides what is drawn; its capacity is the buffer's.
        is_rare, rare_flags, reward, storage: as in `PrioritizedReplayBuffer`.

    Attributes:
        sampler, storage, capacity: the parts, and the number of transitions at most.
        stale_updates: number of priorities not set because their transition had been overwritten.

    Raises:
        TypeError, ValueError: an argument of the wrong type or out of range.
    """

    def __init__(
        self,
        sampler: PrioritizedSampler | UniformSampler,
        *,
        is_rare: Callable[[Any], bool] | None = None,
        rare_flags: Sequence[str] = ("conversion", "first_time_action"),
        reward: str | int | Callable[[Any], float] | None = None,
        storage: Storage | None = None,
    ) -> None:
        self._marks = RareMarks(is_rare, rare_flags)
        claim(sampler)
        self.sampler: Any = sampler
        self.capacity: int = sampler.capacity
        self.stale_updates = 0
        self._reward_of = reward_getter(reward)
        self.storage: Any = ColumnStorage() if storage is None else storage
        self._ring = Ring(sampler, self.storage)
        self._objects: ObjectStorage | None = None
        self._lock = threading.RLock()

    @property
    def rare_flags(self) -> tuple[str, ...]:
        """Keys of `info` that mark a rare event."""
        return self._marks.flags

    @property
    def alpha(self) -> float:
        """Exponent of the priorities."""
        return float(self.sampler.alpha)

    @property
    def beta(self) -> float:
        """Exponent of the next weights; assigning replaces the schedule."""
        return float(self.sampler.beta)

    @beta.setter
    def beta(self, value: float | Schedule | Callable[[], float]) -> None:
        self.sampler.beta = value

    @property
    def epsilon(self) -> float:
        """Added to |TD error| in a priority."""
        return float(self.sampler.epsilon)

    @property
    def max_priority(self) -> float:
        """Largest |TD error| + epsilon so far: the priority of new transitions."""
        return float(self.sampler.max_priority)

    @property
    def maxlen(self) -> int:
        """The capacity, under the name that `collections.deque` has for it."""
        return self.capacity

    @property
    def protected(self) -> NDArray[np.int64]:
        """Handles of the protected transitions, oldest protection first."""
        with self._lock:
            handles: NDArray[np.int64] = self._ring.handles.take(self.sampler.protected)
            return handles

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
            if info is not None or (self._marks.is_rare is not None and self.sampler.preserves_rare):
                rare = self._marks.verdict(transition, info)
            slot = self._ring.next_slot()
            if self._ring.blocked:
                self.storage.check(transition, extras)
                self._ring.make_room()
            number = self.storage.write(slot, transition, extras)
            self._ring.written(slot)
            self.sampler.add_one(slot, number, rare)

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
            count = len(rewards) if type(rewards) is np.ndarray else as_column(rewards, "rewards").size
            if infos is not None and len(infos) != count:
                raise ValueError(f"infos has {len(infos)} dicts, expected {count}")
            if count == 0:
                flatten(as_rows(columns, 0), extras, rows=0)  # refuses columns that have rows
                return
            verdicts = None
            if self.sampler.preserves_rare and (infos is not None or self._marks.is_rare is not None):
                rows: Any = [()] * count if self._marks.is_rare is None else Batch(*as_rows(columns, count))
                given = [None] * count if infos is None else infos
                verdicts = [self._marks.verdict(row, info) for row, info in zip(rows, given)]  # noqa: B905
            slots, run = self._ring.next_slots(count)
            if self._ring.blocked:
                self.storage.check_batch(count, columns, extras)
                self._ring.make_room()
            numbers = self.storage.write_batch(slots, columns, extras, run)
            self._ring.written_many(slots, run)
            self.sampler.add_many(slots, numbers, verdicts, run)

    def append(self, item: Any) -> None:
        """Store any object, with the maximum priority. Its reward is found as the constructor's `reward` says.

        Raises:
            ValueError: a reward that is not finite, or the buffer holds transitions from `add`. Nothing has changed.
        """
        self.extend((item,))

    def extend(self, items: Iterable[Any]) -> None:
        """`append` each of `items`; if one of them is refused (ValueError, as there), none is stored."""
        items = list(items)
        with self._lock:
            if self._ring.newest >= 0 and self._objects is None:
                raise ValueError("this buffer holds transitions given to add(); use add(), or clear() first")
            rewards = [self._reward(item) for item in items]
            tested = self.sampler.preserves_rare
            verdicts = [self._marks.verdict(item, None) if tested else None for item in items]
            if items and self._objects is None:
                self._objects = ObjectStorage()
                self._ring.hold(objects=True)
            for item, reward, rare in zip(items, rewards, verdicts):  # noqa: B905
                slot = self._ring.next_slot()
                self._objects.write(slot, item)  # type: ignore[union-attr]
                self._ring.written(slot)
                self.sampler.add_one(slot, reward, rare)

    def sample(self, batch_size: int, beta: float | None = None, repeat: bool = False) -> Sample:
        """Draw transitions with replacement.

        Args:
            batch_size: number of transitions B, at most `len(self)` unless `repeat`.
            beta: exponent of the weights for this batch alone; the schedule then stays where it is.
            repeat: draw more than are stored as well, as long as there is one.

        Returns:
            (batch, weights, indices), see `Sample`; the arrays belong to the caller.

        Raises:
            ValueError: fewer than `batch_size` transitions are stored, or none where `repeat`.
            TypeError: batch_size is no int.
        """
        count = batch_size if type(batch_size) is int and batch_size > 0 else as_count(batch_size, "batch_size")
        with self._lock:
            if count > len(self.sampler) and not (repeat and len(self.sampler)):
                raise ValueError(f"batch_size is {count}, and the buffer holds only {len(self)} transitions")
            slots, weights = self.sampler.sample(count, beta)
            storage: Any = self.storage if self._objects is None else self._objects
            return Sample(storage.gather(slots), weights, self._ring.handles.take(slots))

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
            stale = self.sampler.update_at_once(indices, td_errors, self._ring.handles, self._ring.newest_handle)
            if stale is None:
                handles = as_indices(indices)
                errors = as_finite(td_errors, "td_errors", handles.size)
                current = self._ring.current(handles)
                self.sampler.update(handles[current] % self.capacity, errors[current])
                stale = int(handles.size - np.count_nonzero(current))
            self.stale_updates += stale

    def slots(self, indices: Any) -> NDArray[np.int64]:
        """The slots in [0, capacity) that handles of shape (B,) stand for, int64 of shape (B,)."""
        return as_indices(indices) % self.capacity

    def protect(self, indices: Any) -> None:
        """Keep transitions from being overwritten, within the quota; handles of those that are gone are ignored.

        Raises:
            ValueError: an index that this buffer never returned, or a storage that keeps rare events apart and was
                told by `rare_fraction=0` that there will be none.
            TypeError: indices that are no integers.
        """
        handles = as_indices(indices)
        with self._lock:
            if self._ring.moves and self._ring.length == self.capacity:
                raise ValueError("with this storage, protect() needs rare_fraction and rare_quota above 0")
            self.sampler.protect(handles[self._ring.current(handles)] % self.capacity)

    def unprotect(self, indices: Any) -> None:
        """End the protection of transitions; handles of those that are gone are ignored. Raises as `protect`."""
        handles = as_indices(indices)
        with self._lock:
            self.sampler.unprotect(handles[self._ring.current(handles)] % self.capacity)

    def clear(self) -> None:
        """Forget all transitions, their priorities and protections. Handles given out before are stale from now on.

        The beta schedule and the random generator go on; the next `add` or `append` decides anew what is stored.
        """
        with self._lock:
            self.sampler.clear()
            self.storage.clear()
            self._ring.clear()
            self._objects = None

    def save(self, path: str | os.PathLike[str], types: Iterable[type] = ()) -> None:
        """Write everything to a file: transitions, priorities, protections, schedule and random generator.

        No pickle; the file replaces another of that name only when it is complete. See `persistence`.

        Args:
            path: any name, with any suffix or none.
            types: namedtuple classes of the objects given to `append`, if there are any.

        Raises:
            TypeError: an object given to `append` that is not made of arrays, numbers, strings, tuples, lists, dicts
                and namedtuples of `types`.
            OSError: the file cannot be written.
        """
        with self._lock:
            save(self, path, types)

    def load(self, path: str | os.PathLike[str], types: Iterable[type] = ()) -> None:
        """Take over what `save` wrote: the buffer then draws what the other would have drawn next.

        Handles drawn before are to be dropped: they may stand for other transitions now.
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
    def newest_slot(self) -> int:
        """The slot that was written last, -1 if there is none."""
        return self._ring.newest

    @property
    def handles(self) -> NDArray[np.int64]:
        """The handle of what each slot holds, shape (capacity,), -1 where it holds nothing."""
        return self._ring.handles

    def state(self) -> dict[str, Any]:
        """What `save` writes of the buffer itself, beside its storage and its sampler."""
        return {"stale_updates": self.stale_updates, "ring": self._ring.state()}

    def restore(self, state: dict[str, Any], handles: NDArray[np.int64], objects: list[Any] | None) -> None:
        """Take over what `state` returned, after the storage and the sampler have taken over theirs.

        Raises:
            ValueError: they are of other transitions.
        """
        stored = np.flatnonzero(handles >= 0)
        if len(self.sampler) != stored.size or not self.sampler.contains(stored).all():
            raise ValueError(f"{stored.size} transitions, and priorities of {len(self.sampler)}")
        if objects is not None and len(objects) != stored.size:
            raise ValueError(f"{stored.size} transitions, and {len(objects)} objects")
        self._ring.hold(objects=objects is not None)
        self._ring.restore(state["ring"], handles)
        self.stale_updates = state["stale_updates"]
        self._objects = None if objects is None else ObjectStorage(objects)

    def __len__(self) -> int:
        return len(self.sampler)

    def __iter__(self) -> Iterator[Any]:
        """The transitions or objects, oldest first."""
        with self._lock:
            slots = self._ring.oldest_first().tolist()
        for slot in slots:
            with self._lock:
                row = self._row(slot)
            yield row

    def __getitem__(self, at: int | slice) -> Any:
        """What is stored at a position, 0 the oldest and -1 the newest; a list for a slice. IndexError outside."""
        with self._lock:
            if isinstance(at, slice):
                return [self._row(slot) for slot in self._ring.oldest_first()[at].tolist()]
            if not -len(self) <= at < len(self):
                raise IndexError(f"index {at} is out of range: the buffer holds {len(self)}")
            return self._row(self._ring.newest if at in (-1, len(self) - 1) else int(self._ring.oldest_first()[at]))

    def pop(self, *_: Any) -> None:
        """Not supported: a full buffer overwrites by itself."""
        raise NotImplementedError(
            "pop() and popleft() are not supported: the buffer overwrites its oldest transition by itself when it holds"
            f" {self.capacity}; remove the call, clear() empties the buffer"
        )

    def popleft(self) -> None:
        """Not supported: a full buffer overwrites by itself."""
        self.pop()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self)} of {self.capacity}, alpha={self.alpha:g}, beta={self.beta:g})"

    def _row(self, slot: int) -> Any:
        return self.storage.row(slot) if self._objects is None else self._objects.row(slot)

    def _reward(self, item: Any) -> float | None:
        if self._reward_of is None:
            return None
        return float(as_finite(as_column(self._reward_of(item), "reward"), "reward", 1)[0])

    def __getstate__(self) -> dict[str, Any]:
        with self._lock:
            state = {name: value for name, value in self.__dict__.items() if name != "_lock"}
            # Copied here, since the arrays are read after the lock is free. One call: the parts know each other.
            parts = copy.deepcopy({name: state[name] for name in ("sampler", "storage", "_ring")})
            objects = None if self._objects is None else ObjectStorage(self._objects.items)
        return {**state, **parts, "_objects": objects}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._lock = threading.RLock()
