"""Runs a fixed project in its library's environment and watches it: `python library_training_child.py PROJECT`.

The last line of its output is JSON. Nothing of the project or the library is changed: methods are wrapped before the
project is imported.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import sys
from typing import Any

import gymnasium
import numpy as np

SEEN: dict[str, Any] = {"steps": 0, "draws": 0, "varying": 0, "beta": 0.0, "spread": 1.0}
RETURNS: list[float] = []


def see(weights: Any) -> None:
    weights = np.asarray(weights)
    SEEN["draws"] += 1
    SEEN["varying"] += bool(weights.max() / weights.min() > 1.001)


def watch_environment() -> None:
    from gymnasium.envs.classic_control import CartPoleEnv

    class Watched(CartPoleEnv):
        total = 0.0

        def step(self, action: Any) -> Any:
            result = super().step(action)
            SEEN["steps"] += 1
            self.total += float(result[1])
            if result[2]:
                RETURNS.append(self.total)
                self.total = 0.0
            return result

    gymnasium.spec("CartPole-v1").entry_point = Watched


def watch_reference() -> None:
    from experience_replay_optimizer.samplers.prioritized import PrioritizedSampler

    sample = PrioritizedSampler.sample

    def watched(self: Any, *arguments: Any) -> Any:
        slots, weights = sample(self, *arguments)
        see(weights)
        shares = self.probabilities(np.arange(len(self)), len(slots))
        SEEN["spread"] = float(np.quantile(shares, 0.95) / np.quantile(shares, 0.05))
        SEEN["beta"] = float(self.beta)
        return slots, weights

    PrioritizedSampler.sample = watched


def watch_tianshou() -> None:
    from tianshou.data import PrioritizedReplayBuffer

    get_weight, set_beta = PrioritizedReplayBuffer.get_weight, PrioritizedReplayBuffer.set_beta

    def weighted(self: Any, index: Any) -> Any:
        weights = get_weight(self, index)
        see(weights)
        stored = self.weight[self.sample_indices(0)]
        SEEN["spread"] = float(np.quantile(stored, 0.95) / np.quantile(stored, 0.05))
        return weights

    def annealed(self: Any, beta: float) -> None:
        SEEN["beta"] = beta
        set_beta(self, beta)

    PrioritizedReplayBuffer.get_weight = weighted
    PrioritizedReplayBuffer.set_beta = annealed


def main() -> None:
    """Run the project's `train.main()`."""
    sys.path[0] = sys.argv[1]
    watch_environment()
    watch_reference()
    with contextlib.suppress(ImportError):
        watch_tianshou()
    with contextlib.redirect_stdout(sys.stderr):
        importlib.import_module("train").main()
    SEEN["returns"] = [float(np.mean(part)) for part in (RETURNS[:20], RETURNS[-20:])]
    print(json.dumps(SEEN))


if __name__ == "__main__":
    main()
