"""PFRL: a tree of Python lists over a queue of dicts."""

from __future__ import annotations

from typing import Any

from .base import ALPHA, BETA, TORCH, Contender


class Buffer(Contender):
    installs = (TORCH, (*TORCH, "pfrl==0.4.0", "packaging"))  # its gym does not ask for packaging, which it imports
    distributions = ("pfrl",)
    largest = 100_000
    only_updated = True

    def open(self) -> None:
        import torch
        from pfrl.replay_buffer import batch_experiences
        from pfrl.replay_buffers import PrioritizedReplayBuffer

        self.device, self.collate = torch.device("cpu"), batch_experiences
        self.buffer = PrioritizedReplayBuffer(self.capacity, alpha=ALPHA, beta0=BETA)

    def add(self, state: Any, action: int, reward: float, next_state: Any, done: bool) -> None:
        self.buffer.append(state, action, reward, next_state, is_state_terminal=done)

    def sample(self, count: int) -> Any:
        return self.collate(self.buffer.sample(count), self.device, lambda state: state, 0.99)  # as its agents do

    def update(self, _drawn: Any, errors: Any) -> None:
        self.buffer.update_errors(errors)

    def errors(self, values: Any) -> Any:
        return values.tolist()
