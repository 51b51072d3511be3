"""Transitions that can be recognised wherever a buffer puts them: the id travels inside the state vector.

A state is (id // 128, id % 128, 77, 33) and a next state (id // 128, id % 128, 99, 55): small whole numbers that
survive float16, float32, uint8 (up to id 32,767) and torch, and two marks that tell the two columns apart.
"""

from __future__ import annotations

import sys
from collections import namedtuple
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Callable

STATE_MARK = (77.0, 33.0)
NEXT_MARK = (99.0, 55.0)
WIDTH = 4

Transition = namedtuple("Transition", ["state", "action", "reward", "next_state", "done"])


def encode(tid: int, mark: tuple[float, float] = STATE_MARK) -> npt.NDArray[np.float32]:
    """The state vector, shape (4,), that carries `tid`."""
    return np.array([tid // 128, tid % 128, *mark], dtype=np.float32)


def decode(column: npt.NDArray[Any]) -> npt.NDArray[np.int64] | None:
    """The ids (B,) in a column (B, ...) that holds states somewhere in its rows, or None. Unmarked rows give -1."""
    if column.ndim < 2 or not np.issubdtype(column.dtype, np.number):
        return None
    rows = column.reshape(len(column), -1)
    for start in range(rows.shape[1] - WIDTH + 1):
        marked = (rows[:, start + 2] == STATE_MARK[0]) & (rows[:, start + 3] == STATE_MARK[1])
        if np.any(marked):
            ids = np.round(128 * rows[:, start].astype(np.float64) + rows[:, start + 1]).astype(np.int64)
            return np.where(marked, ids, -1)
    return None


WHOLE_FORMS: dict[str, Callable[[Transition], Any]] = {
    "a tuple (state, action, reward, next_state, done)": tuple,
    "a namedtuple": lambda parts: parts,
    "a dict": lambda parts: parts._asdict(),
    "an object with attributes": lambda parts: SimpleNamespace(**parts._asdict()),
    "one flat vector": lambda parts: np.hstack(
        [np.ravel(parts.state), parts.action, parts.reward, np.ravel(parts.next_state), float(parts.done)]
    ),
    "one flat vector without the done flag": lambda parts: np.hstack(
        [np.ravel(parts.state), parts.action, parts.reward, np.ravel(parts.next_state)]
    ),
}
"""How one-argument `add` methods take a transition, the most common form first."""


def _arrays(tid: int, reward: float, done: bool) -> Transition:
    return Transition(encode(tid), 0, float(reward), encode(tid, NEXT_MARK), bool(done))


def _rows(tid: int, reward: float, done: bool) -> Transition:
    return Transition(
        encode(tid)[None], np.zeros(1, np.int64), np.array([reward]), encode(tid, NEXT_MARK)[None], np.array([done])
    )


def _images(tid: int, reward: float, done: bool) -> Transition:
    """Rows, columns and channels (1, 1, 4), or channels first (4, 1, 1): flattened they are the same."""
    shape = (1, 1, WIDTH)
    return Transition(encode(tid).reshape(shape), 0, float(reward), encode(tid, NEXT_MARK).reshape(shape), bool(done))


def _lists(tid: int, reward: float, done: bool) -> Transition:
    return Transition(encode(tid).tolist(), 0, float(reward), encode(tid, NEXT_MARK).tolist(), bool(done))


def _tensors(tid: int, reward: float, done: bool, lead: tuple[int, ...] = ()) -> Transition:
    torch = sys.modules["torch"]
    return Transition(
        torch.as_tensor(encode(tid)).reshape(*lead, WIDTH),
        torch.zeros(lead or (1,), dtype=torch.int64),
        torch.full(lead or (1,), float(reward)),
        torch.as_tensor(encode(tid, NEXT_MARK)).reshape(*lead, WIDTH),
        torch.full(lead or (1,), float(done)),
    )


VALUE_FORMS: dict[str, Callable[[int, float, bool], Transition]] = {
    "numpy": _arrays,
    "lists": _lists,
    "numpy with a batch axis": _rows,
    "numpy images of one pixel": _images,
    "torch tensors": _tensors,
    "torch tensors with a batch axis": lambda tid, reward, done: _tensors(tid, reward, done, (1,)),
}
"""Makers of the five values, by the types that hold them; the torch ones need a target that imported torch."""
