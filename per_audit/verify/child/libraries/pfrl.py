"""PFRL: each draw must be followed by an update, which is for the rows drawn last, and takes them out until then."""

from __future__ import annotations

from typing import Any

import numpy as np

from per_audit.verify.child import marks

KINDS = ("PrioritizedReplayBuffer", "ReplayBuffer")


class Adapter:
    """Drives `pfrl.replay_buffers.PrioritizedReplayBuffer` and `ReplayBuffer`, with errors that are not clipped at 1.

    A draw that no update followed is followed by one with the priorities that its rows had.
    """

    signed = False
    update: Any

    def __init__(self, cls: type, capacity: int, alpha: float = 0.6, beta: float = 0.4) -> None:
        self._weighted = hasattr(cls, "update_errors")
        self.alpha, self._beta, self.epsilon = alpha, beta, 0.01
        settings = {"alpha": alpha, "beta0": beta, "eps": self.epsilon, "error_max": None} if self._weighted else {}
        self.buffer = cls(capacity=capacity, **settings)
        self._capacity = capacity
        self.update = self._update if self._weighted else None
        self._priority: dict[int, float] = {}
        self._waiting: list[int] = []

    @property
    def beta(self) -> float:
        """The exponent of the weights now."""
        return float(getattr(self.buffer, "beta", self._beta))

    def add(self, tid: int, reward: float, td: float, done: bool) -> None:  # noqa: ARG002
        """Store; a state that ends its episode would pass on the rows of an episode that it does not have."""
        self._give_back()
        self._priority[tid] = getattr(self.buffer.memory, "max_priority", 1.0)
        if len(self._priority) > self._capacity:
            del self._priority[next(iter(self._priority))]
        self.buffer.append(marks.encode(tid), 0, reward, marks.encode(tid, marks.NEXT_MARK), is_state_terminal=done)

    def draw(self, batch: int) -> tuple[Any, Any, Any]:
        """Draw."""
        self._give_back()
        rows = self.buffer.sample(batch)
        ids = marks.decode(np.stack([row[0]["state"] for row in rows]))
        self._waiting = [] if ids is None or not self._weighted else ids.tolist()
        return ids, None, np.array([row[0]["weight"] for row in rows]) if self._weighted else None

    def _give_back(self) -> None:
        if self._waiting:
            self.buffer.memory.set_last_priority([self._priority[tid] for tid in self._waiting])
        self._waiting = []

    def _update(self, _handles: Any, td: Any) -> None:
        waiting, self._waiting = self._waiting, []
        priorities = self.buffer.priority_from_errors(td.tolist())
        self.buffer.update_errors(td.tolist())
        self._priority.update(zip(waiting, priorities, strict=True))
