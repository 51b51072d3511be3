"""torchrl: transitions are TensorDicts with their index, weights are `priority_weight`, priorities magnitudes."""

from __future__ import annotations

from typing import Any

import numpy as np

from per_audit.verify.child import marks

KINDS = ("TensorDictPrioritizedReplayBuffer", "TensorDictReplayBuffer")


class Adapter:
    """Drives `torchrl.data.TensorDictPrioritizedReplayBuffer` and `torchrl.data.TensorDictReplayBuffer`."""

    signed = False
    update: Any

    def __init__(self, cls: type, capacity: int, alpha: float = 0.6, beta: float = 0.4) -> None:
        import torch
        from tensordict import TensorDict
        from torchrl.data import LazyTensorStorage

        self._torch: Any = torch
        self._dict: Any = TensorDict
        weighted = "Prioritized" in "".join(base.__name__ for base in cls.__mro__)
        self.alpha, self.beta, self.epsilon = alpha, beta, 1e-8
        settings = {"alpha": alpha, "beta": beta, "eps": self.epsilon} if weighted else {}
        self.buffer = cls(storage=LazyTensorStorage(capacity), **settings)
        self.update = self._update if weighted else None

    def add(self, tid: int, reward: float, td: float, done: bool) -> None:  # noqa: ARG002
        """Store."""
        columns = {
            "observation": self._torch.as_tensor(np.asarray(marks.encode(tid), dtype=np.float32)),
            "next_observation": self._torch.as_tensor(np.asarray(marks.encode(tid, marks.NEXT_MARK), dtype=np.float32)),
            "reward": self._torch.tensor(reward, dtype=self._torch.float32),
            "done": self._torch.tensor(bool(done)),
        }
        self.buffer.add(self._dict(columns, batch_size=[]))

    def draw(self, batch: int) -> tuple[Any, Any, Any]:
        """Draw."""
        found = self.buffer.sample(batch)
        weights = found.get("priority_weight", None)
        weights = found.get("_weight", None) if weights is None else weights  # the name before 0.9
        columns = None if weights is None else np.array(weights.numpy())
        return marks.decode(np.array(found["observation"].numpy())), np.array(found["index"].numpy()), columns

    def _update(self, handles: Any, td: Any) -> None:
        priority = self._torch.as_tensor(np.array(np.abs(td), dtype=np.float32))
        self.buffer.update_priority(self._torch.as_tensor(handles), priority)
