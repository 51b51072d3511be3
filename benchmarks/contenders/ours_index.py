"""The sampler of this repository by itself: priorities and weights of slots, nothing stored."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .base import ALPHA, BETA, Contender

ENDS = 1e3, 1e-3  # |TD error| of the first and of the last update of `drift`


class Buffer(Contender):
    environment = "ours"
    distributions = ("numpy", "numba")

    def open(self) -> None:
        from experience_replay_optimizer.samplers.prioritized import PrioritizedSampler

        self.sampler = PrioritizedSampler(self.capacity, ALPHA, BETA, 0.0, seed=0, **self.options)

    def fill(self) -> None:
        self.sampler.add(np.arange(self.capacity))

    def sample(self, count: int) -> Any:
        return self.sampler.sample(count)[0]

    def update(self, drawn: Any, errors: Any) -> None:
        self.sampler.update(drawn, errors)

    def drift(self, updates: int) -> dict[str, float]:
        """Relative errors of the total after so many updates with falling priorities, the slots in turn.

        "sampler": of what the sampler divides by: the probabilities, summed without rounding, are 1 where it is right.
        "float32": of a float32 sum to which the differences are added.
        """
        count, batch = len(self.sampler), 250
        order = np.random.default_rng(0).permutation(count)
        leaves, total = np.ones(count, np.float32), np.float32(count)
        first, last = ENDS
        for start in range(0, updates, batch):
            steps = np.arange(start, min(start + batch, updates))
            at, errors = order[steps % count], first * (last / first) ** (steps / updates)
            self.sampler.update(at, errors)
            new = (errors**ALPHA).astype(np.float32)
            total = np.add.accumulate(np.concatenate(([total], new - leaves[at])), dtype=np.float32)[-1]
            leaves[at] = new
        shares = self.sampler.probabilities(np.arange(count), batch)
        return {
            "sampler": abs(math.fsum(shares) - 1.0),
            "float32": abs(float(total) / math.fsum(leaves) - 1.0),
        }
