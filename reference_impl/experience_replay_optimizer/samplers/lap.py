"""Loss-adjusted prioritised replay: sampling by TD error for actor-critic methods, with the correction in the loss."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._validate import as_float
from .prioritized import PrioritizedSampler

if TYPE_CHECKING:
    import numpy as np


class LapSampler(PrioritizedSampler):
    """Draws slots with P(i) proportional to max(|TD error|, minimum)^alpha (LAP: Fujimoto et al. 2020, section 5).

    To be used with `lap_loss` of the same minimum. A loss under non-uniform sampling has the expected gradient of
    another loss under uniform sampling (theorem 1): a squared loss with the weights of prioritised replay that of
    |TD error|^(2 + alpha (1 - beta)), which favours outliers more than a squared loss does. LAP ties the two together:
    where priorities differ the loss is linear, so that |TD error|^(1 + alpha) is what is minimised, and where the loss
    is squared all priorities are the minimum. There is nothing left for weights to correct: all of them are 1.
    `pal_loss` has the same expected gradient with uniform batches.

    New transitions get the largest priority so far, at first 1 or the minimum if that is more. Rare events are not
    looked for: their share would need weights. A `beta` given to `sample` is taken at its word all the same.

    Args:
        capacity: number of slots.
        alpha: exponent of the priorities, >= 0.
        minimum: least priority and threshold of the Huber loss, in the unit of the TD errors; > 0.
        draws, seed, rng: as in `PrioritizedSampler`.

    Raises:
        TypeError, ValueError: an argument of the wrong type or out of range.
    """

    def __init__(
        self,
        capacity: int,
        alpha: float = 0.4,
        minimum: float = 1.0,
        *,
        draws: str = "iid",
        seed: Any = None,
        rng: np.random.Generator | None = None,
    ) -> None:
        self.minimum = as_float(minimum, "minimum", 0.0)
        if self.minimum == 0.0:
            raise ValueError("minimum must be positive: it is the least priority of a transition")
        # The least priority is what the checks of epsilon are about; here nothing is added to a TD error.
        super().__init__(
            capacity, alpha, 0.0, 0.0, epsilon=self.minimum, rare_fraction=0.0, draws=draws, seed=seed, rng=rng
        )
        self.epsilon = 0.0
        self._floor = self.minimum

    def _start(self) -> None:
        super()._start()
        self._max_priority = max(self._max_priority, self.minimum)
