"""What every buffer does: storage and sampler side by side, and handles that know when they are stale."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ._validate import as_column, as_count, as_finite, as_indices
from .storage.columns import ColumnStorage, as_fields
from .storage.objects import ObjectStorage, reward_getter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from .samplers.prioritized import PrioritizedSampler
    from .schedules import Schedule


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
    """

    def __init__(
        self,
        sampler: PrioritizedSampler,
        is_rare: Callable[[Any], bool] | None,
        rare_flags: Sequence[str],
        reward: str | int | Callable[[Any], float] | None,
    ) -> None:
        if is_rare is not None and not callable(is_rare):
            raise TypeError(f"is_rare must be callable, not {is_rare!r}")
        if isinstance(rare_flags, str):
            raise TypeError(f'rare_flags must be a sequence of names, not one string; write ("{rare_flags}",)')
        self.sampler = sampler
        self.capacity = sampler.capacity
        self.rare_flags = tuple(rare_flags)
        self.stale_updates = 0
        self._is_rare = is_rare
        self._reward_of = reward_getter(reward)
        self._columns: ColumnStorage | None = None
        self._objects: ObjectStorage | None = None
        self._lap_of = np.zeros(self.capacity, np.uint32)
        self._lap = 0
        self._newest = -1
        self._order: NDArray[np.int64] | None = None

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
        return self._handles(self.sampler.protected)

    def add(
        self,
        state: Any,
        action: Any,
        reward: Any,
        next_state: Any,
        done: Any,
        info: Mapping[str, Any] | None = None,
    ) -> None:
        """Store a transition in columns, with the maximum priority.

        Args:
            state, next_state: numbers or arrays of one shape throughout; tensors are copied to the CPU.
            action: number or array of one shape throughout.
            reward: finite number.
            done: flag; whether to bootstrap from `next_state` is decided by it, so pass `terminated`, not `truncated`.
            info: the environment's dict; a true value under one of `rare_flags` protects the transition.

        Raises:
            TypeError: a field is not made of numbers.
            ValueError: another shape than the first transition's, a reward that is not finite, or the buffer holds
                objects from `append`. Nothing has changed then.
        """
        if self._objects is not None:
            raise ValueError("this buffer holds objects given to append(); use append(), or clear() first")
        fields = as_fields((state, action, reward, next_state, done))
        columns = self._columns if self._columns is not None else ColumnStorage(self.capacity, fields)
        wider = columns.check(fields)
        if info is not None and not hasattr(info, "get"):
            raise TypeError(f"info must be a dict or None, not {type(info).__name__}")
        flagged = info is not None and any(bool(info.get(flag, False)) for flag in self.rare_flags)
        rare = True if flagged else self._verdict((state, action, reward, next_state, done))
        slot = self._next_slot()
        columns.write(slot, fields, wider)
        self._columns = columns
        self._stored(slot, float(fields[2]), rare)

    def append(self, item: Any) -> None:
        """Store any object, with the maximum priority. Its reward is found as the constructor's `reward` says.

        Raises:
            ValueError: a reward that is not finite, or the buffer holds transitions from `add`. Nothing has changed.
        """
        self.extend((item,))

    def extend(self, items: Iterable[Any]) -> None:
        """`append` each of `items`; if one of them is refused, none is stored."""
        if self._columns is not None:
            raise ValueError("this buffer holds transitions given to add(); use add(), or clear() first")
        items = list(items)
        rewards = [self._reward(item) for item in items]
        verdicts = [self._verdict(item) for item in items]
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
        count = as_count(batch_size, "batch_size")
        storage = self._storage()
        if count > len(self) or storage is None:
            raise ValueError(f"batch_size is {count}, and the buffer holds only {len(self)} transitions")
        slots, weights = self.sampler.sample(count, beta)
        return Sample(storage.gather(slots), weights, self._handles(slots))

    def update_priorities(self, indices: Any, td_errors: Any) -> None:
        """Set the priorities of drawn transitions to |TD error| + epsilon.

        Args:
            indices: what `sample` returned, shape (B,); handles of transitions that are gone are ignored and counted.
            td_errors: shape (B,) or (B, 1), signed or absolute; numpy, tensors and lists are taken.

        Raises:
            ValueError: another length, NaN or inf, or an index that this buffer never returned. Nothing has changed.
            TypeError: indices that are no integers.
        """
        handles = as_indices(indices)
        errors = as_finite(td_errors, "td_errors", handles.size)
        current = self._current(handles)
        self.sampler.update(handles[current] % self.capacity, errors[current])
        self.stale_updates += int(handles.size - np.count_nonzero(current))

    def slots(self, indices: Any) -> NDArray[np.int64]:
        """The slots in [0, capacity) that handles stand for, int64 of shape (B,)."""
        return as_indices(indices) % self.capacity

    def protect(self, indices: Any) -> None:
        """Keep transitions from being overwritten, within the quota; handles of those that are gone are ignored."""
        handles = as_indices(indices)
        self.sampler.protect(handles[self._current(handles)] % self.capacity)

    def unprotect(self, indices: Any) -> None:
        """End the protection of transitions; handles of those that are gone are ignored."""
        handles = as_indices(indices)
        self.sampler.unprotect(handles[self._current(handles)] % self.capacity)

    def clear(self) -> None:
        """Forget all transitions, their priorities and protections. Handles given out before are stale from now on.

        The beta schedule and the random generator go on; the next `add` or `append` decides anew what is stored.
        """
        self.sampler.clear()
        self._columns = self._objects = self._order = None
        if self._newest >= 0:
            self._lap += 1
        self._newest = -1

    def __len__(self) -> int:
        return len(self.sampler)

    def __iter__(self) -> Iterator[Any]:
        """The transitions or objects, oldest first."""
        storage = self._storage()
        if storage is not None:
            for slot in self._oldest_first().tolist():
                yield storage.row(slot)

    def __getitem__(self, at: int | slice) -> Any:
        """The transition or object at a position, 0 the oldest and -1 the newest; a list for a slice."""
        storage = self._storage()
        if isinstance(at, slice):
            return [] if storage is None else [storage.row(slot) for slot in self._oldest_first()[at].tolist()]
        if storage is None or not -len(self) <= at < len(self):
            raise IndexError(f"index {at} is out of range: the buffer holds {len(self)}")
        slot = self._newest if at in (-1, len(self) - 1) else int(self._oldest_first()[at])
        return storage.row(slot)

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

    def _storage(self) -> ColumnStorage | ObjectStorage | None:
        return self._columns if self._columns is not None else self._objects

    def _reward(self, item: Any) -> float | None:
        if self._reward_of is None:
            return None
        rewards = as_column(self._reward_of(item), "reward")
        return float(as_finite(rewards, "reward", 1)[0])

    def _verdict(self, item: Any) -> bool | None:
        if self._is_rare is None or not self.sampler.preserves_rare:
            return None
        return bool(self._is_rare(item))

    def _next_slot(self) -> int:
        # Asked when it is written to, not before: the slot may have been protected since the last write.
        return 0 if self._newest < 0 else self.sampler.next_slot(self._newest)

    def _stored(self, slot: int, reward: float | None, rare: bool | None) -> None:
        if 0 <= slot <= self._newest:
            self._lap += 1
        self._newest = slot
        self._lap_of[slot] = self._lap
        self._order = None
        self.sampler.add(slot, reward, rare=rare)

    def _handles(self, slots: NDArray[np.int64]) -> NDArray[np.int64]:
        return slots + self.capacity * self._lap_of[slots].astype(np.int64)

    def _current(self, handles: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which handles still stand for what they stood for."""
        if handles.size and handles.max() > self._newest + self.capacity * self._lap:
            raise ValueError(f"index {int(handles.max())} was never returned by this buffer")
        slots = handles % self.capacity
        current: NDArray[np.bool_] = handles // self.capacity == self._lap_of[slots]
        return current & self.sampler.contains(slots)  # after clear() the laps are still there

    def _oldest_first(self) -> NDArray[np.int64]:
        """Slots in order of writing. Handles rise with each write, so their order is the order of writing."""
        if self._order is None:
            # The slots in use are the first len(self): they are filled in ascending order.
            slots = np.arange(len(self))
            self._order = slots[np.argsort(self._handles(slots), kind="stable")]
        return self._order
