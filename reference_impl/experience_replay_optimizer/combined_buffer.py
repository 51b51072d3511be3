"""A buffer that mixes prioritised, recent and rare transitions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .replay_buffer import ReplayBuffer
from .samplers.combined import CombinedSampler

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np

    from .schedules import Schedule
    from .storage.base import Storage


class CombinedReplayBuffer(ReplayBuffer):
    """Draws 70 % of a batch by priority, 20 % from the newest transitions and 10 % from the rare events.

    One storage and three index sets: nothing is stored twice, and the weights are those of the mixture that was drawn,
    see `CombinedSampler`. It reserves less for rare events than `PrioritizedReplayBuffer` does by default.

    Args:
        capacity: number of transitions at most.
        recent_fraction: share of a batch drawn from the newest transitions.
        recent_size: the newest min(len, recent_size * capacity) transitions are recent.
        rare_fraction: share of a batch drawn from the rare events.
        alpha, beta, beta_increment, epsilon: as in `PrioritizedReplayBuffer`.
        rare_quota, is_rare, rare_flags, reward, storage, draws, normalise, seed, rng: as there.

    Raises:
        TypeError, ValueError: an argument of the wrong type or out of range.
    """

    def __init__(
        self,
        capacity: int = 100_000,
        alpha: float = 0.6,
        beta: float | Schedule | Callable[[], float] = 0.4,
        beta_increment: float = 0.001,
        *,
        epsilon: float = 1e-6,
        recent_fraction: float = 0.2,
        recent_size: float = 0.2,
        rare_fraction: float = 0.1,
        rare_quota: float = 0.1,
        is_rare: Callable[[Any], bool] | None = None,
        rare_flags: Sequence[str] = ("conversion", "first_time_action"),
        reward: str | int | Callable[[Any], float] | None = None,
        storage: Storage | None = None,
        draws: str = "iid",
        normalise: str | None = "batch",
        seed: Any = None,
        rng: np.random.Generator | None = None,
    ) -> None:
        sampler = CombinedSampler(
            capacity,
            alpha,
            beta,
            beta_increment,
            epsilon=epsilon,
            recent_fraction=recent_fraction,
            recent_size=recent_size,
            rare_fraction=rare_fraction,
            rare_quota=rare_quota,
            draws=draws,
            normalise=normalise,
            seed=seed,
            rng=rng,
        )
        super().__init__(sampler, is_rare=is_rare, rare_flags=rare_flags, reward=reward, storage=storage)

    @property
    def prioritized_buffer(self) -> CombinedReplayBuffer:
        """The buffer itself: prioritised, recent and rare transitions share one storage and one set of priorities."""
        return self


AdvancedReplayBuffer = CombinedReplayBuffer
