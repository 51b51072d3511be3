"""RLlib: transitions are SampleBatch objects, beta is passed at the draw; alpha = 0 is refused, so it is made tiny."""

from __future__ import annotations

from typing import Any

import numpy as np

from per_audit.verify.child import marks

KINDS = ("PrioritizedReplayBuffer", "ReplayBuffer")


class Adapter:
    """Drives `ray.rllib.utils.replay_buffers.PrioritizedReplayBuffer` and `ReplayBuffer`."""

    signed = False
    update: Any

    def __init__(self, cls: type, capacity: int, alpha: float = 0.6, beta: float = 0.4) -> None:
        from ray.rllib.policy.sample_batch import SampleBatch

        self._batch: Any = SampleBatch
        self._weighted = hasattr(cls, "update_priorities")
        self.alpha, self.beta = alpha, beta
        self.buffer = cls(capacity=capacity, **({"alpha": max(alpha, 1e-9)} if self._weighted else {}))
        self.update = self.buffer.update_priorities if self._weighted else None

    def add(self, tid: int, reward: float, td: float, done: bool) -> None:  # noqa: ARG002
        """Store."""
        row = {"obs": marks.encode(tid), "actions": 0, "rewards": reward, "terminateds": done, "truncateds": False}
        row["new_obs"] = marks.encode(tid, marks.NEXT_MARK)
        self.buffer.add(self._batch({name: np.array([value]) for name, value in row.items()}))

    def draw(self, batch: int) -> tuple[Any, Any, Any]:
        """Draw."""
        found = self.buffer.sample(batch, **({"beta": self.beta} if self._weighted else {}))
        return marks.decode(found["obs"]), found.get("batch_indexes"), found.get("weights")
