"""tianshou: transitions are Batch objects, weights lie in the batch; alpha = 0 is refused, so it is made tiny."""

from __future__ import annotations

from typing import Any

from per_audit.verify.child import marks

KINDS = ("PrioritizedReplayBuffer", "ReplayBuffer")


class Adapter:
    """Drives `tianshou.data.PrioritizedReplayBuffer` and `tianshou.data.ReplayBuffer`."""

    update: Any

    def __init__(self, cls: Any, capacity: int, alpha: float = 0.6, beta: float = 0.4) -> None:
        from tianshou.data import Batch

        self._batch: Any = Batch
        weighted = hasattr(cls, "update_weight")
        self.alpha, self.beta, self.epsilon = alpha, beta, 1.2e-7
        self.buffer = cls(size=capacity, alpha=max(alpha, 1e-9), beta=beta) if weighted else cls(size=capacity)
        self.update = self.buffer.update_weight if weighted else None

    def add(self, tid: int, reward: float, td: float, done: bool) -> None:  # noqa: ARG002
        """Store."""
        values = marks.encode(tid), marks.encode(tid, marks.NEXT_MARK)
        parts = {"obs": values[0], "act": 0, "rew": reward, "obs_next": values[1]}
        self.buffer.add(self._batch(**parts, terminated=done, truncated=False))

    def draw(self, batch: int) -> tuple[Any, Any, Any]:
        """Draw."""
        found, indices = self.buffer.sample(batch)
        return marks.decode(found.obs), indices, found.get("weight")
