"""The prioritised replay buffer of Schaul et al. 2015, which also keeps rare events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .replay_buffer import ReplayBuffer
from .samplers.prioritized import PrioritizedSampler

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np

    from .schedules import Schedule
    from .storage.base import Storage


class PrioritizedReplayBuffer(ReplayBuffer):
    """Draws transitions with P(i) proportional to p_i^alpha and returns the weights that correct for it.

    New transitions get the maximum priority; `update_priorities` sets |TD error| + epsilon. By default a share of each
    batch is reserved for rare events, which are also protected from being overwritten, and the weights account for it:
    see `PrioritizedSampler`. That share pays where informative rewards are rare. Where rewards are dense, as in most
    continuous control, set `rare_fraction=0`: textbook prioritised replay.

    Args:
        capacity: number of transitions at most.
        alpha: exponent of the priorities, >= 0; 0 is uniform.
        beta: exponent of the weights in [0, 1], or a schedule such as `LinearSchedule(0.4, 1.0, steps)`.
        beta_increment: added to a constant `beta` with each `sample()` up to 1; not used when `beta` is a schedule.
        epsilon: added to |TD error|; > 0.
        rare_fraction: share of a batch in [0, 1] reserved for rare events; 0 switches them off.
        rare_quota: protected share of the capacity in [0, 1).
        is_rare: replaces the test of the reward; called with the 5-tuple given to `add`, or the object given to
            `append`, and returns a bool.
        rare_flags: keys of `info` that mark a rare event, whatever its reward.
        reward: where objects given to `append` have their reward: an attribute's or key's name, a position, or a
            callable. Without it rare events among objects are found by `is_rare` only.
        storage: where transitions given to `add` live; `ColumnStorage()`, numpy arrays, by default.
        draws: "iid" or "stratified", see `PrioritizedSampler`.
        normalise: "batch", "buffer" or None, see `PrioritizedSampler`.
        seed: anything that `numpy.random.default_rng` takes.
        rng: a `numpy.random.Generator` to use, in place of `seed`.

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
        rare_fraction: float = 0.25,
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
        sampler = PrioritizedSampler(
            capacity,
            alpha,
            beta,
            beta_increment,
            epsilon=epsilon,
            rare_fraction=rare_fraction,
            rare_quota=rare_quota,
            draws=draws,
            normalise=normalise,
            seed=seed,
            rng=rng,
        )
        super().__init__(sampler, is_rare=is_rare, rare_flags=rare_flags, reward=reward, storage=storage)
