"""The loss-adjusted prioritised replay buffer of Fujimoto et al. 2020, for actor-critic methods."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .replay_buffer import ReplayBuffer
from .samplers.lap import LapSampler

if TYPE_CHECKING:
    import numpy as np

    from .storage.base import Storage


class LapReplayBuffer(ReplayBuffer):
    """Draws transitions with P(i) proportional to max(|TD error|, minimum)^alpha, to be learnt from with `lap_loss`.

    There are no importance-sampling weights: the loss does what they are for, see `LapSampler`. `sample` returns ones
    in their place, so that it can be exchanged with `PrioritizedReplayBuffer`; only the loss has to follow.

    Args:
        capacity: number of transitions at most.
        alpha: exponent of the priorities, >= 0; 0 is uniform.
        minimum: least priority and threshold of the loss, in the unit of the TD errors; > 0. The same as that of
            `lap_loss`. Where all TD errors are below it, draws are uniform and the loss is half of a squared one.
        storage: where transitions given to `add` live; `ColumnStorage()`, numpy arrays, by default.
        draws: "iid" or "stratified", see `PrioritizedSampler`.
        seed: anything that `numpy.random.default_rng` takes.
        rng: a `numpy.random.Generator` to use, in place of `seed`.

    Raises:
        TypeError, ValueError: an argument of the wrong type or out of range.
    """

    def __init__(
        self,
        capacity: int,
        alpha: float = 0.4,
        minimum: float = 1.0,
        *,
        storage: Storage | None = None,
        draws: str = "iid",
        seed: Any = None,
        rng: np.random.Generator | None = None,
    ) -> None:
        super().__init__(LapSampler(capacity, alpha, minimum, draws=draws, seed=seed, rng=rng), storage=storage)
