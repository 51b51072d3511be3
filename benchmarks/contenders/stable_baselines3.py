"""Stable-Baselines3: uniform sampling, so the floor of what storing and gathering costs there."""

from __future__ import annotations

from typing import Any

import numpy as np

from .base import TORCH, Contender


class Buffer(Contender):
    installs = (TORCH, (*TORCH, "stable-baselines3==2.9.2"))
    distributions = ("stable-baselines3",)

    def open(self) -> None:
        from gymnasium.spaces import Box, Discrete
        from stable_baselines3.common.buffers import ReplayBuffer

        observation = Box(-np.inf, np.inf, self.like.states.shape[1:], np.float32)
        self.buffer = ReplayBuffer(self.capacity, observation, Discrete(4), device="cpu")
        self.infos: list[dict[str, Any]] = [{}]

    def add(self, state: Any, action: int, reward: float, next_state: Any, done: bool) -> None:
        self.buffer.add(state, next_state, np.array([action]), np.array([reward]), np.array([done]), self.infos)

    def sample(self, count: int) -> Any:
        return self.buffer.sample(count)

    def update(self, _drawn: Any, _errors: Any) -> None:
        """It has no priorities."""
