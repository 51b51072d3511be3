"""Transitions that can be recognised wherever a buffer puts them: the id travels inside the state vector.

A state is (id // 128, id % 128, 77, 33) and a next state (id // 128, id % 128, 99, 55): small whole numbers that survive
float16, float32, uint8 (up to id 32,767) and a trip through torch, and two marks that tell the two columns apart.
"""

from __future__ import annotations

import sys
from collections import namedtuple
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt

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


def is_next_state(column: npt.NDArray[Any]) -> bool:
    """Whether a column (B, ...) holds next states."""
    if column.ndim < 2 or not np.issubdtype(column.dtype, np.number):
        return False
    rows = column.reshape(len(column), -1)
    return bool(np.any((rows == NEXT_MARK[0]).any(axis=1) & (rows == NEXT_MARK[1]).any(axis=1)))


def transition_forms(parts: Transition) -> dict[str, Any]:
    """The same transition in the forms that one-argument `add` methods take, the most common first."""
    return {
        "a tuple (state, action, reward, next_state, done)": tuple(parts),
        "a namedtuple": parts,
        "a dict": parts._asdict(),
        "an object with attributes": SimpleNamespace(**parts._asdict()),
        "one flat vector": np.hstack(
            [np.ravel(parts.state), parts.action, parts.reward, np.ravel(parts.next_state), float(parts.done)]
        ),
    }


def value_forms(tid: int, reward: float, done: bool) -> dict[str, Any]:
    """Zero-argument makers of the five values, by the type that holds them; torch ones only where the target imported it."""
    state, after = encode(tid), encode(tid, NEXT_MARK)
    forms: dict[str, Any] = {
        "numpy": lambda: Transition(state, 0, float(reward), after, bool(done)),
        "lists": lambda: Transition(state.tolist(), 0, float(reward), after.tolist(), bool(done)),
    }
    torch = sys.modules.get("torch")
    if torch is not None:

        def tensors(lead: tuple[int, ...]) -> Transition:
            return Transition(
                torch.as_tensor(state).reshape(*lead, WIDTH),
                torch.zeros(lead, dtype=torch.int64) if lead else torch.tensor([0]),
                torch.full(lead or (1,), float(reward)),
                torch.as_tensor(after).reshape(*lead, WIDTH),
                torch.full(lead or (1,), float(done)),
            )

        forms["torch tensors"] = lambda: tensors(())
        forms["torch tensors with a batch axis"] = lambda: tensors((1,))
    return forms
