"""Tianshou: a segment tree in numba."""

from __future__ import annotations

from typing import Any

import numpy as np

from .base import ALPHA, BETA, TORCH, Contender


class Buffer(Contender):
    installs = (TORCH, (*TORCH, "tianshou==2.0.1"))
    distributions = ("tianshou",)

    def open(self) -> None:
        from tianshou.data import Batch, PrioritizedReplayBuffer

        self.batch = Batch
        self.buffer = PrioritizedReplayBuffer(self.capacity, alpha=ALPHA, beta=BETA)

    def add(self, state: Any, action: int, reward: float, next_state: Any, done: bool) -> None:
        self.buffer.add(
            self.batch(obs=state, act=action, rew=reward, terminated=done, truncated=False, obs_next=next_state)
        )

    def sample(self, count: int) -> Any:
        return self.buffer.sample(count)[1]

    def update(self, drawn: Any, errors: Any) -> None:
        self.buffer.update_weight(drawn, errors)

    def fill(self) -> None:
        # It has no call that adds several transitions of one environment; one by one would take a minute.
        from tianshou.data import ReplayBuffer

        rows = np.arange(self.capacity) % len(self.like)
        states, actions, rewards, next_states, dones = (column[rows] for column in self.like.columns)
        self.buffer.update(
            ReplayBuffer.from_data(states, actions, rewards, dones, np.zeros_like(dones), dones, next_states)
        )
