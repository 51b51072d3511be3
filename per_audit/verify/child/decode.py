"""Reads what a draw returned: finds the columns in it, then which of them are states, handles and weights."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from per_audit.verify.child import marks

Path = tuple[Any, ...]
"""Steps to a column: ("item", 3), ("key", "w"), ("attr", "obs"), and ("rows",) before the steps in each row."""

_DEPTH = 5
_WEIGHT_NAME = re.compile(r"weight|^w$|^ws$|^is$|is_w|isw|importance", re.IGNORECASE)
_HANDLE_NAME = re.compile(r"ind|idx|handle|leaf|leaves|^ids?$|^keys?$|^slots?$", re.IGNORECASE)
_PRIORITY_NAME = re.compile(r"prio|prob|^p$|td|error", re.IGNORECASE)


class DecodeError(Exception):
    """The returned object could not be read; the message says what was seen."""


def as_array(value: Any) -> npt.NDArray[Any] | None:
    """A private numpy copy of an array, tensor, number or nested sequence of numbers; None for anything else."""
    if hasattr(value, "detach") and hasattr(value, "cpu"):
        value = value.detach().cpu().numpy()
    if not isinstance(value, (np.ndarray, np.generic, list, tuple, int, float)) and not hasattr(value, "__array__"):
        return None
    try:
        array = np.array(value)
    except Exception:  # ragged rows, objects that refuse: not a column
        return None
    if array.dtype == object:
        try:
            array = np.stack([np.asarray(item, dtype=np.float64) for item in array]) if array.ndim else array
        except Exception:  # rows of objects
            return None
    return array if array.dtype.kind in "biuf" else None


def own_copy(value: Any) -> Any:
    """A copy of a column in its own type, so that a buffer which reuses its arrays cannot change it later."""
    if hasattr(value, "detach") and hasattr(value, "clone"):
        return value.detach().clone()
    if isinstance(value, np.ndarray):
        return value.copy()
    return list(value) if isinstance(value, (list, tuple)) else value


def _children(value: Any) -> list[tuple[Path, Any]]:
    if isinstance(value, Mapping):
        return [(("key", key), item) for key, item in value.items()]
    if hasattr(value, "_fields"):
        return [(("attr", name), getattr(value, name)) for name in value._fields]
    if isinstance(value, (list, tuple)):
        return [(("item", index), item) for index, item in enumerate(value)]
    if isinstance(value, np.ndarray):
        return [(("item", index), item) for index, item in enumerate(value)] if value.dtype == object else []
    if isinstance(value, (np.generic, int, float, complex, str, bytes)):
        return []
    names = list(getattr(value, "__dict__", None) or ())
    names += [name for kind in type(value).__mro__ for name in getattr(kind, "__slots__", ())]
    fields = [name for name in names if not name.startswith("_") and getattr(value, name, None) is not None]
    found: list[tuple[Path, Any]] = [(("attr", name), getattr(value, name)) for name in fields]
    if not found and hasattr(value, "__len__") and hasattr(value, "__getitem__"):
        found = [(("item", index), value[index]) for index in range(len(value))]
    return found


def _step(value: Any, step: Path) -> Any:
    if step[0] == "attr":
        return getattr(value, step[1])
    return value[step[1]]


def fetch(value: Any, path: Path) -> Any:
    """The column at `path`; steps after ("rows",) are taken in every row and give a list."""
    for position, step in enumerate(path):
        if step == ("rows",):
            return [fetch(row, path[position + 1 :]) for row in value]
        value = _step(value, step)
    return value


def _row_paths(row: Any, prefix: Path = (), depth: int = 0) -> list[Path]:
    if as_array(row) is not None and not hasattr(row, "_fields"):
        return [prefix]
    if depth > _DEPTH or row is None or isinstance(row, (str, bytes)):
        return []
    return [path for step, item in _children(row) for path in _row_paths(item, (*prefix, step), depth + 1)]


def columns(value: Any, batch: int, prefix: Path = (), depth: int = 0) -> dict[Path, npt.NDArray[Any]]:
    """Every column of `batch` entries in what a draw returned, by the path that leads to it. Arrays are copies."""
    found: dict[Path, npt.NDArray[Any]] = {}
    array = as_array(value)
    if array is not None and array.ndim and len(array) == batch:
        return {prefix: array}
    if depth > _DEPTH:
        return found
    sequence = isinstance(value, (list, tuple, deque)) or (isinstance(value, np.ndarray) and value.dtype == object)
    if sequence and len(value) == batch and not hasattr(value, "_fields"):
        for path in _row_paths(value[0]):
            full = (*prefix, ("rows",), *path)
            try:
                column = as_array(fetch(value, (("rows",), *path)))
            except Exception:  # rows of different form: not a column
                continue
            if column is not None and len(column) == batch:
                found[full] = column
        if found:
            return found
    for step, item in _children(value):
        found.update(columns(item, batch, (*prefix, step), depth + 1))
    return found


def describe(path: Path | None) -> str:
    """A path in words, as Python would write it: `[6]`, `["weights"]`, `.obs`, `[each][0]`."""
    if path is None:
        return "none"
    text = ""
    for step in path:
        if step == ("rows",):
            text += "[each]"
        elif step[0] == "attr":
            text += f".{step[1]}"
        else:
            text += f"[{step[1]!r}]"
    return text or "the value itself"


def _name(path: Path, names: dict[int, str]) -> str:
    """The last name on the way to a column; for an item of the returned tuple, that by which it is returned."""
    named = [str(step[1]) for step in path if len(step) == 2 and step[0] in ("attr", "key")]
    if not named and len(path) == 1 and path[0][0] == "item":
        return names.get(path[0][1], "")
    return named[-1] if named else ""


def _flat(column: npt.NDArray[Any]) -> npt.NDArray[np.float64] | None:
    if column.ndim > 1 and int(np.prod(column.shape[1:])) != 1:
        return None
    return column.reshape(len(column)).astype(np.float64)


class Layout:
    """Where the ids, the handles and the weights lie in what a draw returns: pinned once, on a full buffer."""

    def __init__(self, state: Path, handles: Path | None, weights: Path | None) -> None:
        self.state, self.handles, self.weights = state, handles, weights

    def read(self, value: Any) -> tuple[npt.NDArray[np.int64], Any, npt.NDArray[np.float64] | None]:
        """(ids (B,), handles as the buffer gave them or None, weights (B,) or None) of one draw, all of them copies."""
        states = as_array(fetch(value, self.state))
        ids = marks.decode(states) if states is not None else None
        if ids is None:
            # No row carries a mark: every drawn row is an empty slot, which the checks report as such.
            ids = np.full(0 if states is None else len(states), -1, dtype=np.int64)
        handles = own_copy(fetch(value, self.handles)) if self.handles is not None else None
        if isinstance(handles, np.ndarray) and handles.ndim > 1:
            handles = handles.reshape(len(handles))
        weights = None
        if self.weights is not None:
            column = as_array(fetch(value, self.weights))
            weights = None if column is None else column.reshape(-1).astype(np.float64)
        return ids, handles, weights


def find_layout(
    draws: list[Any],
    batch: int,
    stored: dict[int, tuple[float, bool]],
    td: dict[int, float] | None,
    names: dict[int, str] | None = None,
) -> Layout:
    """Work out the layout from several draws of `batch` rows of a *full* buffer.

    `stored` (reward and done flag by id) excludes the columns that were added; `td` (by id), where priorities were set,
    tells weights, which fall with the priority, from probabilities, which rise with it. `names` are those by which the
    items of a returned tuple are known to their maker. Raises DecodeError.
    """
    names = names or {}
    tables = [columns(value, batch) for value in draws]
    shared = set(tables[0]).intersection(*tables[1:])
    # Whole columns before fields of rows: they are the same values, and cheaper to read.
    paths = sorted((path for path in tables[0] if path in shared), key=lambda path: ("rows",) in path)
    state = next((path for path in paths if all(marks.decode(t[path]) is not None for t in tables)), None)
    if state is None:
        seen = ", ".join(f"{describe(p)}: {tables[0][p].shape}" for p in paths) or f"a {type(draws[0]).__name__}"
        raise DecodeError(f"no column of the returned batch holds the states that were added (found {seen})")
    ids = np.concatenate([marks.decode(t[state]) for t in tables])
    rest: dict[Path, npt.NDArray[np.float64]] = {}
    for path in paths:
        flat = [_flat(t[path]) for t in tables]
        if path == state or any(column is None for column in flat):
            continue
        column = np.concatenate([c for c in flat if c is not None])
        if not _is_stored(column, ids, stored, _name(path, names)):
            rest[path] = column
    handles = _pick_handles(rest, ids, names)
    if handles is not None:
        del rest[handles]
    return Layout(state, handles, _pick_weights(rest, ids, td, names))


def _is_stored(
    column: npt.NDArray[np.float64], ids: npt.NDArray[np.int64], stored: dict[int, tuple[float, bool]], name: str
) -> bool:
    """Whether the column is the action, reward or done flag that was added, and not something the buffer computed."""
    pairs = np.array([stored.get(int(tid), (np.nan, False)) for tid in ids], dtype=np.float64)
    known = (pairs[:, 0], pairs[:, 1], 1.0 - pairs[:, 1])
    if any(np.allclose(column, values, rtol=1e-3, atol=1e-5) for values in known):
        return True
    # The action is always 0. On a full buffer no sound weight is.
    return bool(np.all(column == 0.0)) and not _WEIGHT_NAME.search(name)


def _pick_handles(
    rest: dict[Path, npt.NDArray[np.float64]], ids: npt.NDArray[np.int64], names: dict[int, str]
) -> Path | None:
    for path in sorted(rest, key=lambda path: not _HANDLE_NAME.search(_name(path, names))):
        column = rest[path]
        whole = np.all(np.isfinite(column)) and np.all(column == np.round(column))
        pairs = set(zip(ids.tolist(), column.tolist(), strict=True))
        if whole and len(pairs) == len(set(ids.tolist())) == len(set(column.tolist())) > 1:
            return path
    return None


def _pick_weights(
    rest: dict[Path, npt.NDArray[np.float64]],
    ids: npt.NDArray[np.int64],
    td: dict[int, float] | None,
    names: dict[int, str],
) -> Path | None:
    if not rest:
        return None
    called = {path: _name(path, names) for path in rest}
    named = [path for path in rest if _WEIGHT_NAME.search(called[path])]
    if named:
        return named[0]
    unnamed = [path for path in rest if not (_PRIORITY_NAME.search(called[path]) or _HANDLE_NAME.search(called[path]))]
    if len(unnamed) <= 1 or td is None:
        return unnamed[0] if unnamed else None
    size = np.array([td.get(int(tid), 1.0) for tid in ids])

    def rise(path: Path) -> float:
        column = rest[path]
        return 0.0 if np.std(column) == 0 else float(np.corrcoef(column, size)[0, 1])

    return min(unnamed, key=rise)
