"""What storages share in which a transition's observations are found through its neighbours in time."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

import numpy as np

from .._validate import as_count
from .batch import Batch
from .columns import _SAME, _SCALARS, _differing, _label
from .fields import FIELDS, as_fields, as_rows, flatten, holds, unflatten
from .outputs import OutputPool

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    Name = tuple[str, ...]
    Leaves = dict[Name, NDArray[Any]]

_PLAIN = {(name,) for name in FIELDS}
_OTHERS = (("action",), ("reward",), ("done",))
_OBSERVED = ("state", "next_state")


class RowPool:
    """Rows that are handed out and taken back, the same of several arrays; they grow by a sixteenth when none is left.

    Args:
        rows: number of rows at first. Memory that was never written is not resident on most systems.
        like: arrays with the shape and dtype of a row each.
    """

    def __init__(self, rows: int, like: Leaves) -> None:
        self.arrays = {name: np.zeros((rows, *leaf.shape), leaf.dtype) for name, leaf in like.items()}
        self._rows = rows
        self._fresh = 0  # rows from here on were never handed out
        self._spare: list[int] = []  # the last taken back is handed out first: rows stay in the order of time

    def __len__(self) -> int:
        """Number of rows handed out and not taken back."""
        return self._fresh - len(self._spare)

    def reserve(self, count: int) -> None:
        """Make room, so that `take` finds the next `count` rows."""
        needed = self._fresh + max(0, count - len(self._spare))
        if needed > self._rows:
            self._rows = max(needed, self._rows + self._rows // 16)
            for array in self.arrays.values():
                # In place where the allocator can; nothing else refers to the array.
                array.resize((self._rows, *array.shape[1:]), refcheck=False)

    def take(self) -> int:
        """Hand out a row; `reserve` comes before."""
        if self._spare:
            return self._spare.pop()
        self._fresh += 1
        return self._fresh - 1

    def give(self, rows: Iterable[int]) -> None:
        """Take `rows` back."""
        self._spare.extend(rows)

    def state(self, names: list[Name]) -> dict[str, NDArray[Any]]:
        """The rows handed out so far, by the place of their array in `names`, and which of them were taken back."""
        rows = {f"pool.{at}": self.arrays[name][: self._fresh] for at, name in enumerate(names)}
        return {**rows, "spare": np.array(self._spare, np.int32)}

    def restore(self, names: list[Name], arrays: Mapping[str, NDArray[Any]]) -> None:
        """Take over what `state` returned."""
        for at, name in enumerate(names):
            rows = arrays[f"pool.{at}"]
            self._fresh = len(rows)
            self.reserve(0)
            self.arrays[name][: len(rows)] = rows
        self._spare = arrays["spare"].tolist()

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        # Unpickled arrays may lie in a buffer of pickle's, and only those that own their memory can be resized.
        self.arrays = {name: np.array(array) for name, array in self.arrays.items()}


class LinkedStorage(ABC):
    """Everything but the observations in columns; a subclass keeps the observations and finds them by links.

    Rows [0, capacity - kept) are a ring that is written at consecutive rows; the last `kept` rows hold copies of
    transitions that outlive their place in the ring. Two observations are one where their bytes are the same in the
    dtype in which they are stored: no flag is trusted and no object of the caller's is referred to, so what is gathered
    is what was added, whatever the stream. States and next states have one dtype, which widens as in `ColumnStorage`.

    Args:
        num_envs: number of environments that write in turn: a transition's predecessor is `num_envs` rows before it.
            A wrong number costs memory and nothing else.

    Raises:
        TypeError, ValueError: num_envs that is not a positive int.
    """

    linked = True

    def __init__(self, num_envs: int = 1) -> None:
        self.num_envs = as_count(num_envs, "num_envs")
        self._capacity = 0
        self._outputs = OutputPool()

    def open(self, capacity: int, kept: int) -> None:
        """Called once, by the buffer: `capacity` rows, the last `kept` of them behind the ring.

        Raises:
            ValueError: the ring is no multiple of `num_envs`, or the storage has been opened before.
        """
        ring = capacity - kept
        if self._capacity:
            raise ValueError("this storage belongs to another buffer already; make one for each")
        if ring % self.num_envs:
            raise ValueError(
                f"a ring of {ring} rows (capacity {capacity}, of which {kept} are for protected transitions) does not"
                f" divide among num_envs={self.num_envs} environments; try capacity"
                f" {capacity + self.num_envs - ring % self.num_envs}"
            )
        self._capacity, self._ring = capacity, ring
        self.clear()

    def clear(self) -> None:
        """Forget everything; the next transition decides shapes, dtypes and extra columns anew."""
        self._columns: Leaves = {}
        self._like: Leaves = {}  # an empty array with the shape and dtype of each part of an observation
        self._plain = False  # five fields, none of them a dict
        self._forget()

    def write(self, slot: int, transition: tuple[Any, ...], extras: Mapping[str, Any]) -> float:
        """Store (state, action, reward, next_state, done) in ring row `slot`; returns the reward.

        Raises:
            TypeError: a field that is not made of numbers.
            ValueError: another shape or other extra columns than the first transition's, or a value that no dtype holds
                beside what is stored. Nothing has changed then.
        """
        if self._plain and not extras and self._fits(*transition):
            state, action, reward, next_state, done = transition
            for other, value in zip(_OTHERS, (action, reward, done)):  # noqa: B905
                self._columns[other][slot] = value
            self._link(slot, {(): state}, {(): next_state})
            return float(reward)
        leaves = flatten(as_fields(transition), extras)
        states, next_states = self._prepare(leaves, 0)
        for name, column in self._columns.items():
            column[slot] = leaves[name]
        self._link(slot, states, next_states)
        return float(leaves[("reward",)])

    def write_batch(
        self, slots: NDArray[np.int64], columns: tuple[Any, ...], extras: Mapping[str, Any], run: bool = False
    ) -> NDArray[Any]:
        """Store transitions at consecutive ring rows, in that order; returns the rewards, shape (n,).

        Args:
            slots: shape (n,), n at most the ring's length.
            columns: as in `write`, with a leading axis of n.
            extras: likewise.
            run: whether each slot is the one before plus 1.

        Raises:
            TypeError, ValueError: as `write`, and columns of another length. Nothing has changed then.
        """
        leaves = flatten(as_rows(columns, slots.size), extras, rows=slots.size)
        states, next_states = self._prepare(leaves, 1)
        at = slice(int(slots[0]), int(slots[-1]) + 1) if run else slots
        for name, column in self._columns.items():
            column[at] = leaves[name]
        self._link_batch(slots, states, next_states)
        return leaves[("reward",)]

    def check(self, transition: tuple[Any, ...], extras: Mapping[str, Any]) -> None:
        """Refuse what `write` would refuse, and store nothing."""
        self._prepare(flatten(as_fields(transition), extras), 0)

    def check_batch(self, count: int, columns: tuple[Any, ...], extras: Mapping[str, Any]) -> None:
        """Refuse what `write_batch` would refuse, and store nothing."""
        self._prepare(flatten(as_rows(columns, count), extras, rows=count), 1)

    def keep(self, slot: int, side: int) -> None:
        """Copy the transition of ring row `slot` to row `side`, before the ring row is overwritten."""
        for column in self._columns.values():
            column[side] = column[slot]
        self._keep(slot, side)

    def gather(self, slots: NDArray[np.int64]) -> Batch:
        """The transitions in rows `slots`, in that order, copied."""
        states, next_states = self._observations(slots)
        if self._plain:
            actions, rewards, dones = (self._columns[name].take(slots, 0) for name in _OTHERS)
            return Batch(states[()], actions, rewards, next_states[()], dones)
        leaves = {name: self._outputs.take(column, slots) for name, column in self._columns.items()}
        for field, observations in zip(_OBSERVED, (states, next_states)):  # noqa: B905
            leaves.update(((field, *name), observation) for name, observation in observations.items())
        (state, action, reward, next_state, done), extras = unflatten(leaves)
        return Batch(state, action, reward, next_state, done, extras)

    def row(self, slot: int) -> tuple[Any, ...]:
        """The transition in row `slot`, a 5-tuple that shares no memory with the storage."""
        row: tuple[Any, ...] = self.gather(np.array([slot]))[0]
        return row

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Metadata that JSON can hold, and arrays: all that `restore` needs."""
        meta: dict[str, Any] = {
            "num_envs": self.num_envs,
            "columns": [list(name) for name in self._columns],
            "observations": [[list(name), leaf.dtype.str, list(leaf.shape)] for name, leaf in self._like.items()],
        }
        if not self._columns:
            return meta, {}
        used = self._used()
        arrays = {f"column.{at}": column[used] for at, column in enumerate(self._columns.values())}
        return meta, {**arrays, "used": used, **self._state(used)}

    def restore(self, meta: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> None:
        """Take over what `state` of a storage of the same kind and capacity returned.

        Raises:
            ValueError: that one had another `num_envs`.
        """
        if meta["num_envs"] != self.num_envs:
            raise ValueError(f"saved with num_envs={meta['num_envs']}, and this storage has num_envs={self.num_envs}")
        self.clear()
        if not arrays:
            return
        used = arrays["used"]
        for at, name in enumerate(meta["columns"]):
            saved = arrays[f"column.{at}"]
            column = self._columns[tuple(name)] = np.zeros((self._capacity, *saved.shape[1:]), saved.dtype)
            column[used] = saved
        self._like = {tuple(name): np.empty(shape, dtype) for name, dtype, shape in meta["observations"]}
        self._allocate()
        self._restore(used, arrays)

    def _fits(self, state: Any, action: Any, reward: Any, next_state: Any, done: Any) -> bool:
        """Whether plain fields are of the very types that are stored: there is nothing to convert or to refuse then."""
        like, actions = self._like[()], self._columns[("action",)]
        return (
            type(state) is np.ndarray
            and type(next_state) is np.ndarray
            and state.dtype == like.dtype == next_state.dtype
            and state.shape == like.shape == next_state.shape
            and type(done) in (bool, np.bool_)
            and type(reward) in (float, np.float64)
            and (reward == 0.0 or 1e-37 < abs(reward) < 3e38)
            and (
                (type(action) is np.ndarray and action.dtype == actions.dtype and action.shape == actions.shape[1:])
                or (type(action) in _SAME.get(actions.dtype, ()) and actions.ndim == 1)
            )
        )

    def _prepare(self, leaves: Leaves, lead: int) -> tuple[Leaves, Leaves]:
        """Open or widen whatever must hold `leaves`, whose shapes have `lead` leading axes; all or nothing.

        Returns:
            States and next states by the path within an observation, contiguous and in the dtype in which they are
            stored and compared.
        """
        observed = [{name[1:]: leaf for name, leaf in leaves.items() if name[0] == field} for field in _OBSERVED]
        others = {name: leaf for name, leaf in leaves.items() if name[0] not in _OBSERVED}
        first = not self._columns
        columns, like = self._columns, self._like
        if first:
            like = {name: np.empty(leaf.shape[lead:], leaf.dtype) for name, leaf in observed[0].items()}
            self._accept(like)
            columns = {
                name: np.zeros((self._capacity, *leaf.shape[lead:]), _SCALARS.get(name, leaf.dtype))
                for name, leaf in others.items()
            }
        stored = {*columns, *((field, *name) for field in _OBSERVED for name in like)}
        if leaves.keys() != stored:
            raise ValueError(_differing(leaves.keys(), stored))
        dtypes = {name: _wanted(name, leaf, lead, columns[name][0], [columns[name]]) for name, leaf in others.items()}
        wide = {}
        for name, leaf in like.items():
            held = [] if first else self._held(name)
            for field, values in zip(_OBSERVED, observed):  # noqa: B905
                leaf = np.empty(leaf.shape, _wanted((field, *name), values[name], lead, leaf, held))
            wide[name] = leaf
        # Nothing is refused from here on.
        self._columns = {name: column.astype(dtypes[name], copy=False) for name, column in columns.items()}
        before, self._like = self._like, wide
        self._plain = set(leaves) == _PLAIN
        if first:
            self._allocate()
        elif any(leaf.dtype != before[name].dtype for name, leaf in wide.items()):
            self._widen()
        states, next_states = (
            {name: np.asarray(values[name], leaf.dtype, order="C") for name, leaf in wide.items()}
            for values in observed
        )
        return states, next_states

    def _link_batch(self, slots: NDArray[np.int64], states: Leaves, next_states: Leaves) -> None:
        for at, slot in enumerate(slots.tolist()):
            self._link(slot, *({name: leaf[at] for name, leaf in leaves.items()} for leaves in (states, next_states)))

    @abstractmethod
    def _accept(self, like: Leaves) -> None:
        """ValueError for shapes of observations that the storage does not take."""

    @abstractmethod
    def _allocate(self) -> None:
        """Make empty room for observations that are `_like` these."""

    @abstractmethod
    def _forget(self) -> None:
        """Let go of all observations."""

    @abstractmethod
    def _held(self, name: Name) -> list[NDArray[Any]]:
        """The arrays that hold a part of the observations."""

    @abstractmethod
    def _widen(self) -> None:
        """Keep observations in the dtypes of `_like`, which have changed."""

    @abstractmethod
    def _link(self, slot: int, states: Leaves, next_states: Leaves) -> None:
        """Store the observations of ring row `slot`, in place of those of the transition that was there."""

    @abstractmethod
    def _keep(self, slot: int, side: int) -> None:
        """Copy the observations of ring row `slot` to row `side`."""

    @abstractmethod
    def _observations(self, slots: NDArray[np.int64]) -> tuple[Leaves, Leaves]:
        """States and next states of rows `slots`, copied."""

    @abstractmethod
    def _used(self) -> NDArray[np.int64]:
        """The rows that hold a transition."""

    @abstractmethod
    def _state(self, used: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
        """Arrays from which `_restore` finds the observations of rows `used` again."""

    @abstractmethod
    def _restore(self, used: NDArray[np.int64], arrays: dict[str, NDArray[Any]]) -> None:
        """Take over what `_state` returned, after `_allocate`."""


def _wanted(name: Name, values: NDArray[Any], lead: int, like: NDArray[Any], held: list[NDArray[Any]]) -> np.dtype[Any]:
    """The dtype that a column of rows `like` these must have for `values` and for what is `held`."""
    if values.shape[lead:] != like.shape:
        raise ValueError(f"{_label(name)} has shape {values.shape[lead:]}, and the buffer holds {like.shape}")
    if holds(values, like.dtype):
        return like.dtype
    dtype = np.promote_types(like.dtype, values.dtype)
    if not all(holds(array, dtype) for array in (values, *held)):
        raise ValueError(f"{_label(name)}: no dtype holds both {values.dtype} values and the stored {like.dtype}")
    return dtype
