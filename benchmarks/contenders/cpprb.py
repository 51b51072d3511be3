"""cpprb: C++ segment trees behind Cython."""

from __future__ import annotations

from typing import Any

import numpy as np

from .base import ALPHA, BETA, Contender, Transitions


class Buffer(Contender):
    installs = (("cpprb==11.0.0",),)
    distributions = ("cpprb",)

    def open(self) -> None:
        from cpprb import PrioritizedReplayBuffer

        observation = {"shape": self.like.states.shape[1:], "dtype": self.like.states.dtype}
        self.buffer = PrioritizedReplayBuffer(
            self.capacity,
            {"obs": observation, "act": {"dtype": np.int64}, "rew": {}, "next_obs": observation, "done": {}},
            alpha=ALPHA,
        )

    def add(self, state: Any, action: int, reward: float, next_state: Any, done: bool) -> None:
        self.buffer.add(obs=state, act=action, rew=reward, next_obs=next_state, done=done)

    def add_batch(self, batch: Transitions) -> None:
        self.buffer.add(
            obs=batch.states, act=batch.actions, rew=batch.rewards, next_obs=batch.next_states, done=batch.dones
        )

    def sample(self, count: int) -> Any:
        return self.buffer.sample(count, beta=BETA)["indexes"]

    def update(self, drawn: Any, errors: Any) -> None:
        self.buffer.update_priorities(drawn, errors)
