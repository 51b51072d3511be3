"""Prioritised, recent and rare transitions in one batch, weighted by the mixture that was really drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._validate import as_count, as_float
from .prioritized import PrioritizedSampler
from .slot_set import SlotSet

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from ..schedules import Schedule


class CombinedSampler(PrioritizedSampler):
    """Draws a batch 70/20/10 by priority, from the newest slots, and from the rare events.

    q_i = f_p p_i^alpha / S + f_r 1[i in R]/|R| + f_x 1[i in X]/|X|, w_i = (N q_i)^-beta, where the f are the *actual*
    counts of the batch over B: shares are rounded to the nearest row, the rare share is at most 2 |X| rows, and what an
    empty stratum leaves falls to the prioritised one, which always has at least one row. This is the balance heuristic
    of multiple importance sampling (Veach and Guibas 1995): with beta = 1 the weighted mean over the batch estimates
    the uniform mean over the buffer. Constant weights for a stratum would bias it.

    Args:
        capacity: number of slots.
        alpha, beta, beta_increment, epsilon, rare_quota, is_rare, draws, normalise, seed, rng: as in
            `PrioritizedSampler`.
        recent_fraction: share of a batch drawn from the newest transitions; with `rare_fraction` at most 1.
        recent_size: the newest min(len, recent_size * capacity) transitions are recent; in (0, 1].
        rare_fraction: share of a batch drawn from the rare events.

    Raises:
        TypeError, ValueError: an argument of the wrong type or out of range.
    """

    def __init__(
        self,
        capacity: int,
        alpha: float = 0.6,
        beta: float | Schedule | Callable[[], float] = 0.4,
        beta_increment: float = 0.001,
        *,
        epsilon: float = 1e-6,
        recent_fraction: float = 0.2,
        recent_size: float = 0.2,
        rare_fraction: float = 0.1,
        rare_quota: float = 0.1,
        is_rare: Callable[[float], bool] | None = None,
        draws: str = "iid",
        normalise: str | None = "batch",
        seed: Any = None,
        rng: np.random.Generator | None = None,
    ) -> None:
        slots = as_count(capacity, "capacity")
        self.recent_fraction = as_float(recent_fraction, "recent_fraction", 0.0, 1.0)
        size = as_float(recent_size, "recent_size", 0.0, 1.0)
        self._recent = SlotSet(slots, max(1, int(size * slots + 1e-9)))
        super().__init__(
            slots,
            alpha,
            beta,
            beta_increment,
            epsilon=epsilon,
            rare_fraction=rare_fraction,
            rare_quota=rare_quota,
            is_rare=is_rare,
            draws=draws,
            normalise=normalise,
            seed=seed,
            rng=rng,
        )
        if self.recent_fraction + self.rare_fraction > 1.0 + 1e-9:
            raise ValueError(
                f"recent_fraction and rare_fraction must not exceed 1 together:"
                f" {self.recent_fraction:g} + {self.rare_fraction:g}"
            )

    def _enter_many(
        self, slots: NDArray[np.int64], rewards: NDArray[np.float64] | None, verdicts: list[bool | None] | None
    ) -> list[int]:
        changed = super()._enter_many(slots, rewards, verdicts)
        return changed + [leaver for leaver in map(self._recent.add, slots.tolist()) if leaver >= 0]

    def _enter(self, slot: int, reward: float | None, verdict: bool | None) -> list[int]:
        changed = super()._enter(slot, reward, verdict)
        leaver = self._recent.add(slot)
        return changed if leaver < 0 else [*changed, leaver]

    def _strata(self) -> tuple[SlotSet, ...]:
        return (self._rare, self._recent)

    def _shares(self, batch_size: int) -> tuple[int, ...]:
        rare = min(int(self.rare_fraction * batch_size + 0.5), 2 * self._rare.size, batch_size - 1)
        recent = min(int(self.recent_fraction * batch_size + 0.5), batch_size - 1 - rare)
        return (rare, recent if self._recent.size else 0)
