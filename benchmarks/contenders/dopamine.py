"""Dopamine: a numpy sum tree over a dict of transitions."""

from __future__ import annotations

from typing import Any

import numpy as np

from .base import ALPHA, BETA, Contender


class Buffer(Contender):
    # What its replay memory imports; the package asks for TensorFlow and Atari besides.
    installs = (
        ("--no-deps", "dopamine-rl==4.1.2"),
        ("absl-py", "flax", "gin-config", "jax", "numpy", "orbax-checkpoint", "python-snappy"),
    )
    distributions = ("dopamine-rl",)
    largest = 100_000

    def open(self) -> None:
        from dopamine.jax.replay_memory import accumulator, elements, replay_buffer, samplers

        self.element = elements.TransitionElement
        self.priorities = samplers.PrioritizedSamplingDistribution(
            0, priority_exponent=ALPHA, max_capacity=self.capacity
        )
        self.buffer = replay_buffer.ReplayBuffer(
            accumulator.TransitionAccumulator(stack_size=1, update_horizon=1, gamma=0.99),
            self.priorities,
            batch_size=32,
            max_capacity=self.capacity,
        )

    def add(self, state: Any, action: int, reward: float, _next_state: Any, done: bool) -> None:
        self.buffer.add(self.element(state, action, reward, done, done), priority=1.0)

    def sample(self, count: int) -> Any:
        _, drawn = self.buffer.sample(count, with_sample_metadata=True)
        weights = drawn.probabilities**-BETA  # its agents do this
        weights /= np.max(weights)
        return drawn.keys

    def update(self, drawn: Any, errors: Any) -> None:
        self.buffer.update(drawn, priorities=errors)
