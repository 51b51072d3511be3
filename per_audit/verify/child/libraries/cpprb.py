"""cpprb: columns are declared, transitions are passed by keyword, beta at the draw, priorities as magnitudes."""

from __future__ import annotations

from typing import Any

import numpy as np

from per_audit.verify.child import marks

KINDS = ("PrioritizedReplayBuffer", "ReplayBuffer")


class Adapter:
    """Drives `cpprb.PrioritizedReplayBuffer` and `cpprb.ReplayBuffer`."""

    signed = False
    update: Any

    def __init__(self, cls: type, capacity: int, alpha: float = 0.6, beta: float = 0.4) -> None:
        state = {"shape": marks.WIDTH, "dtype": np.float32}
        columns = {"obs": state, "act": {"dtype": np.int64}, "rew": {}, "next_obs": state, "done": {}}
        self._weighted = hasattr(cls, "update_priorities")
        self.alpha, self.beta, self.epsilon = alpha, beta, 1e-4
        self.buffer = cls(capacity, columns, **({"alpha": alpha, "eps": self.epsilon} if self._weighted else {}))
        self.update = self.buffer.update_priorities if self._weighted else None

    def add(self, tid: int, reward: float, td: float, done: bool) -> None:  # noqa: ARG002
        """Store."""
        following = marks.encode(tid, marks.NEXT_MARK)
        self.buffer.add(obs=marks.encode(tid), act=0, rew=reward, next_obs=following, done=done)

    def draw(self, batch: int) -> tuple[Any, Any, Any]:
        """Draw."""
        found = self.buffer.sample(batch, **({"beta": self.beta} if self._weighted else {}))
        return marks.decode(found["obs"]), found.get("indexes"), found.get("weights")
