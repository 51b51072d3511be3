"""Storage in preallocated numpy columns: one array for each field of a transition."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import numpy as np

from .batch import Batch
from .fields import FIELDS, as_fields, as_rows, flatten, holds, unflatten
from .outputs import LARGE, OutputPool

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Name = tuple[str, ...]

_SCALARS: dict[Name, np.dtype[Any]] = {("reward",): np.dtype(np.float32), ("done",): np.dtype(np.bool_)}
_LARGEST_INT = 2**63 - 1
_PLAIN = tuple((name,) for name in FIELDS)
# Python and numpy numbers that a column of int64 or float64 scalars takes as they are.
_SAME = {np.dtype(np.int64): (int, np.int64), np.dtype(np.float64): (float, np.float64)}


class ColumnStorage:
    """One array of `capacity` rows for each field; shapes and dtypes from the first transition, or declared.

    Rewards are float32 and flags bool. A value that its column cannot hold widens the column (a state column opened by
    ints becomes float64 with the first 0.5) or is refused; it is never truncated. Observations that are dicts, nested
    ones too, have a column for each of their arrays. Extra columns are those that the first transition has.

    Args:
        columns: shapes and dtypes that are to hold, by name: {"state": ((84, 84), "uint8"), "discount": ((), "f4")},
            a dict in place of the pair for an observation that is a dict. Names that are no field of a transition are
            extra columns. A declared column is never widened. Fields that are not named follow the first transition.
        directory: keep each column in a file of its own there (memory-mapped .npy files), for buffers larger than the
            memory. It is made if it is missing; files that are there already are not overwritten. The files are
            scratch space of the running process: `save` the buffer to keep it.

    Raises:
        TypeError, ValueError: a declaration that is no (shape, dtype).
    """

    linked = False

    def __init__(self, columns: Mapping[str, Any] | None = None, directory: str | Path | None = None) -> None:
        self._declared = {name: _declaration(name, given) for name, given in _flatten_declared(columns or {})}
        self._directory = None if directory is None else Path(directory)
        self._capacity = 0
        self._columns: dict[Name, NDArray[Any]] = {}
        self._filled = 0
        self._fast: tuple[Any, ...] | None = None
        self._outputs = OutputPool()

    def open(self, capacity: int, kept: int) -> None:
        """Called once, by the buffer: the number of slots."""
        del kept  # only linked storages keep protected rows apart
        if self._capacity:
            raise ValueError("this storage belongs to another buffer already; make one for each")
        self._capacity = capacity

    def write(self, slot: int, transition: tuple[Any, ...], extras: Mapping[str, Any]) -> float:
        """Store one transition.

        Args:
            slot: slots are first filled in ascending order.
            transition: (state, action, reward, next_state, done).
            extras: values of the extra columns, by name.

        Returns:
            The reward.

        Raises:
            TypeError: a field that is not made of numbers.
            ValueError: another shape than the column's, a reward that is not finite, a flag that is none, other extra
                columns than those of the first transition, or no dtype that holds old and new values. Nothing has
                changed then.
        """
        fast = self._fast
        if fast is not None and not extras:
            state, action, reward, next_state, done = transition
            states, actions, rewards, next_states, dones, dtype, shape, action_types, action_dtype, action_shape = fast
            if (
                type(state) is np.ndarray
                and type(next_state) is np.ndarray
                and (state.dtype is dtype or state.dtype == dtype)  # what was unpickled has a dtype object of its own
                and (next_state.dtype is dtype or next_state.dtype == dtype)
                and state.shape == shape
                and next_state.shape == shape
                and (type(done) is bool or type(done) is np.bool_)
                and (type(reward) is float or type(reward) is np.float64)
                and (1e-37 < reward < 3e38 or reward == 0.0 or -3e38 < reward < -1e-37)
                and (
                    (type(action) in action_types and -_LARGEST_INT <= action <= _LARGEST_INT)
                    or (type(action) is np.ndarray and action.dtype == action_dtype and action.shape == action_shape)
                )
            ):
                actions[slot] = action
                states[slot] = state
                next_states[slot] = next_state
                rewards[slot] = reward
                dones[slot] = done
                if slot >= self._filled:
                    self._filled = slot + 1
                return reward
        values = flatten(as_fields(transition), extras)
        self._write(slot, values, 0)
        if slot >= self._filled:
            self._filled = slot + 1
        return float(values[("reward",)])

    def write_batch(
        self, slots: NDArray[np.int64], columns: tuple[Any, ...], extras: Mapping[str, Any], run: bool = False
    ) -> NDArray[Any]:
        """Store n transitions: five columns of n rows, and n rows of each extra column. Returns the rewards (n,).

        Args:
            slots: int64 of shape (n,).
            columns: states, actions, rewards, next_states, dones.
            extras: the extra columns by name.
            run: whether each slot is the one before plus 1.

        Raises:
            TypeError, ValueError: as `write`, and columns of another length. Nothing has changed then.
        """
        # A slice is written twice as fast as a list of slots.
        at = slice(int(slots[0]), int(slots[-1]) + 1) if run else slots
        if extras or not self._write_same(at, slots.size, columns):
            values = flatten(as_rows(columns, slots.size), extras, rows=slots.size)
            self._write(at, values, 1)
            rewards = values[("reward",)]
        else:
            rewards = columns[2].astype(np.float64)
        self._filled = max(self._filled, int(slots[-1]) + 1 if run else int(slots.max()) + 1)
        return rewards

    def _write_same(self, at: Any, count: int, columns: tuple[Any, ...]) -> bool:
        """Write five plain columns that are arrays of the stored dtypes, and float rewards; False if they are not."""
        if self._fast is None:
            return False
        given_states, given_actions, given_rewards, given_next_states, given_dones = columns
        states, actions, rewards, next_states, dones, dtype, shape, _, action_dtype, action_shape = self._fast
        if not (
            type(given_states) is type(given_actions) is type(given_rewards) is np.ndarray
            and type(given_next_states) is type(given_dones) is np.ndarray
            and given_states.dtype == given_next_states.dtype == dtype
            and given_actions.dtype == action_dtype
            and given_dones.dtype == dones.dtype
            and given_states.shape == given_next_states.shape == (count, *shape)
            and given_actions.shape == (count, *action_shape)
            and given_rewards.shape == given_dones.shape == (count,)
            and rewards.dtype == np.float32
            and given_rewards.dtype.kind == "f"
            # False for NaN too. Larger rewards are left to the long way, which looks at each of them.
            and float(np.abs(given_rewards).max()) < 1e30
        ):
            return False
        single = given_rewards.astype(np.float32)
        if np.count_nonzero(single) != np.count_nonzero(given_rewards):
            return False
        states[at] = given_states
        actions[at] = given_actions
        rewards[at] = single
        next_states[at] = given_next_states
        dones[at] = given_dones
        return True

    def gather(self, slots: NDArray[np.int64]) -> Batch:
        """The transitions in `slots`, in that order, copied."""
        if self._fast is not None:
            states, actions, rewards, next_states, dones = self._fast[:5]
            large = states[:1].nbytes * slots.size >= LARGE
            return Batch(
                self._outputs.take(states, slots) if large else states.take(slots, 0),
                actions.take(slots, 0),
                rewards.take(slots),
                self._outputs.take(next_states, slots) if large else next_states.take(slots, 0),
                dones.take(slots),
            )
        fields, extras = unflatten({name: self._outputs.take(column, slots) for name, column in self._columns.items()})
        states, actions, rewards, next_states, dones = fields
        return Batch(states, actions, rewards, next_states, dones, extras)

    def row(self, slot: int) -> tuple[Any, ...]:
        """The transition in `slot`, a 5-tuple that shares no memory with the storage."""
        row: tuple[Any, ...] = self.gather(np.array([slot]))[0]
        return row

    def clear(self) -> None:
        """Forget all transitions; the next one decides anew what is stored. Files in the directory are deleted."""
        for name in self._columns:
            if self._directory is not None:
                self._file(name).unlink()
        self._columns = {}
        self._fast = None
        self._filled = 0

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """The rows that were written, by column."""
        names = list(self._columns)
        arrays = {str(at): self._columns[name][: self._filled] for at, name in enumerate(names)}
        return {"names": [list(name) for name in names], "filled": self._filled}, arrays

    def restore(self, meta: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> None:
        """Take over what `state` returned.

        Raises:
            ValueError: a declared column has another shape or dtype.
        """
        stored = {tuple(name): arrays[str(at)] for at, name in enumerate(meta["names"])}
        for name, (shape, dtype) in self._declared.items():
            if name in stored and (stored[name].shape[1:] != shape or stored[name].dtype != dtype):
                raise ValueError(
                    f"{_label(name)} was saved as {stored[name].shape[1:]} {stored[name].dtype}, and is declared as"
                    f" {shape} {dtype}"
                )
        if any(array.shape[:1] != (meta["filled"],) for array in stored.values()):
            raise ValueError(f"there are columns that have not {meta['filled']} rows")
        self.clear()
        for name, array in stored.items():
            self._columns[name] = self._make(name, array.shape[1:], array.dtype)
            self._columns[name][: meta["filled"]] = array
        self._filled = meta["filled"]
        self._prepare()

    def _write(self, at: Any, values: dict[Name, NDArray[Any]], leading: int) -> None:
        """Check all of `values`, then write them to the rows `at`; `leading` axes of them are not the row's."""
        if not self._columns:
            self._check_declared(values)
            try:
                for name, value in values.items():
                    inferred = (value.shape[leading:], _SCALARS.get(name, value.dtype))
                    self._columns[name] = self._make(name, *self._declared.get(name, inferred))
                self._write(at, values, leading)
            except BaseException:
                self.clear()
                raise
            self._prepare()
            return
        if values.keys() != self._columns.keys():
            raise ValueError(_differing(values.keys(), self._columns.keys()))
        wider = {}
        for name, value in values.items():
            dtype = self._wanted(name, value, leading)
            if dtype is not None:
                wider[name] = dtype
        for name, dtype in wider.items():
            self._widen(name, dtype)
        for name, value in values.items():
            self._columns[name][at] = value
        if wider:
            self._prepare()

    def _wanted(self, name: Name, value: NDArray[Any], leading: int) -> np.dtype[Any] | None:
        """The dtype that a column must be given for `value`, None where it is wide enough."""
        column = self._columns[name]
        if value.shape[leading:] != column.shape[1:]:
            raise ValueError(
                f"{_label(name)} has shape {value.shape[leading:]}, and the buffer holds {column.shape[1:]}"
            )
        if holds(value, column.dtype):
            return None
        dtype = np.promote_types(column.dtype, value.dtype)
        if name in self._declared or not holds(value, dtype) or not holds(column[: self._filled], dtype):
            declared = "declared as" if name in self._declared else "stored as"
            shown = np.array2string(value, threshold=6, edgeitems=2)
            raise ValueError(f"{_label(name)}: {shown} ({value.dtype}) cannot be {declared} {column.dtype}")
        return dtype

    def _check_declared(self, values: dict[Name, NDArray[Any]]) -> None:
        missing = [name for name in self._declared if name not in values]
        if missing:
            raise ValueError(f"{_label(missing[0])} is declared, and the first transition has none")

    def _make(self, name: Name, shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
        if self._directory is None:
            return np.zeros((self._capacity, *shape), dtype)
        self._directory.mkdir(parents=True, exist_ok=True)
        path = self._file(name)
        if path.exists():
            raise ValueError(f"{path} is there already: give a directory of its own to each buffer, or delete the file")
        return np.lib.format.open_memmap(path, "w+", dtype, (self._capacity, *shape)).view(np.ndarray)

    def _widen(self, name: Name, dtype: np.dtype[Any]) -> None:
        old = self._columns[name]
        if self._directory is not None:
            self._file(name).unlink()  # the mapping keeps the old data until it is copied
        wide = self._make(name, old.shape[1:], dtype)
        wide[: self._filled] = old[: self._filled]
        self._columns[name] = wide

    def _file(self, name: Name) -> Path:
        assert self._directory is not None
        # Keys of observations may be anything, and are to stay within the directory.
        return self._directory / f"{'.'.join(quote(key, safe='').replace('.', '%2E') for key in name)}.npy"

    def _prepare(self) -> None:
        """What the short ways of `write` and `gather` need, where there are five plain columns."""
        self._fast = None
        if tuple(self._columns) != _PLAIN:
            return
        states, actions, rewards, next_states, dones = (self._columns[name] for name in _PLAIN)
        plain_rewards = rewards.ndim == 1 and rewards.dtype in (np.float32, np.float64)
        if states.dtype == next_states.dtype and states.shape == next_states.shape and plain_rewards:
            scalars = _SAME.get(actions.dtype, ()) if actions.ndim == 1 else ()
            self._fast = (
                *(states, actions, rewards, next_states, dones),
                *(states.dtype, states.shape[1:], scalars, actions.dtype, actions.shape[1:]),
            )

    def __getstate__(self) -> dict[str, Any]:
        # A copy in another process has its columns in memory: two processes must not write to the same files.
        return {**self.__dict__, "_directory": None, "_fast": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._prepare()


def _flatten_declared(columns: Mapping[str, Any], prefix: Name = ()) -> list[tuple[Name, Any]]:
    found = []
    for key, given in columns.items():
        path = (*prefix, key) if prefix or key in FIELDS else ("extras", key)
        found += _flatten_declared(given, path) if isinstance(given, Mapping) else [(path, given)]
    return found


def _declaration(name: Name, given: Any) -> tuple[tuple[int, ...], np.dtype[Any]]:
    try:
        shape, dtype = given
        return tuple(int(length) for length in shape), np.dtype(dtype)
    except (TypeError, ValueError):
        raise ValueError(f"{_label(name)} must be declared as (shape, dtype), not {given!r}") from None


def _differing(given: Any, stored: Any) -> str:
    missing = sorted(_label(name) for name in stored - given)
    new = sorted(_label(name) for name in given - stored)
    parts = [f"{', '.join(missing)} missing"] * bool(missing) + [f"{', '.join(new)} not stored"] * bool(new)
    return f"the columns are those of the first transition: {'; '.join(parts)}"


def _label(name: Name) -> str:
    field, *keys = name[1:] if name[0] == "extras" else name
    return field + "".join(f"[{key!r}]" for key in keys)
