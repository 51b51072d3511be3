"""TorchRL: C++ segment trees, storage in torch tensors."""

from __future__ import annotations

from typing import Any

from .base import ALPHA, BETA, TORCH, Contender, Transitions


class Buffer(Contender):
    installs = (TORCH, (*TORCH, "torchrl==0.14.1"))
    distributions = ("torchrl",)

    def open(self) -> None:
        import torch
        import torchrl._torchrl  # noqa: F401 - the segment trees: where they do not load, this says why
        from tensordict import TensorDict
        from torchrl.data import LazyTensorStorage, TensorDictPrioritizedReplayBuffer

        self.torch, self.dict = torch, TensorDict
        self.buffer = TensorDictPrioritizedReplayBuffer(
            alpha=ALPHA, beta=BETA, storage=LazyTensorStorage(self.capacity)
        )

    def add(self, state: Any, action: int, reward: float, next_state: Any, done: bool) -> None:
        tensor = self.torch.tensor
        fields = {"action": tensor(action), "reward": tensor(reward), "done": tensor(done)}
        images = {"obs": self.torch.from_numpy(state), "next_obs": self.torch.from_numpy(next_state)}
        self.buffer.add(self.dict({**images, **fields}, batch_size=[]))

    def add_batch(self, batch: Transitions) -> None:
        names = ("obs", "action", "reward", "next_obs", "done")
        columns = {name: self.torch.from_numpy(column) for name, column in zip(names, batch.columns, strict=True)}
        self.buffer.extend(self.dict(columns, batch_size=[len(batch)]))

    def sample(self, count: int) -> Any:
        return self.buffer.sample(count)

    def update(self, drawn: Any, errors: Any) -> None:
        drawn["td_error"] = errors
        self.buffer.update_tensordict_priority(drawn)

    def errors(self, values: Any) -> Any:
        return self.torch.from_numpy(values)
