"""Stable-Baselines3's replay buffers, drawn from by priority."""

# mypy: disable-error-code="import-not-found, misc"
# stable_baselines3 is not there where types are checked.

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch as th
from stable_baselines3.common.buffers import DictReplayBuffer, ReplayBuffer

from .._validate import as_count, as_finite, as_float
from ..samplers.prioritized import PrioritizedSampler
from ._write_back import WriteBackGuard

if TYPE_CHECKING:
    from numpy.typing import NDArray


class PrioritizedSamples(NamedTuple):
    """SB3's replay samples with the weights and indices of prioritised replay; B rows.

    Attributes:
        observations, next_observations: tensors of shape (B, *observation shape), or dicts of them.
        actions: tensor of shape (B, action dimension).
        dones: float32 tensor of shape (B, 1); 1 where the episode terminated, 0 where a time limit cut it off.
        rewards: float32 tensor of shape (B, 1); the n-step return where the buffer has `n_steps` > 1.
        discounts: float32 tensor of shape (B, 1), the discount of the bootstrap value; None with one step, where it is
            the algorithm's gamma.
        weights: importance-sampling weights, float32 tensor of shape (B, 1) on the buffer's device, as the rest.
        indices: int64 numpy array of shape (B,) for `update_priorities`.
    """

    observations: Any
    actions: th.Tensor
    next_observations: Any
    dones: th.Tensor
    rewards: th.Tensor
    discounts: th.Tensor | None
    weights: th.Tensor
    indices: NDArray[np.int64]


class PrioritizedRows:
    """What both buffers add to SB3's: the transition of environment e in row r is slot r * n_envs + e of a sampler."""

    # From SB3's buffers.
    buffer_size: int
    n_envs: int
    device: th.device
    pos: int
    full: bool
    observations: Any
    next_observations: Any
    actions: NDArray[Any]
    rewards: NDArray[np.float32]
    dones: NDArray[np.float32]
    timeouts: NDArray[np.float32]

    def __init__(
        self,
        buffer_size: int,
        observation_space: Any,
        action_space: Any,
        device: Any = "auto",
        n_envs: int = 1,
        optimize_memory_usage: bool = False,
        handle_timeout_termination: bool = True,
        *,
        n_steps: int = 1,
        gamma: float = 0.99,
        beta: Any = 0.4,
        rare_quota: float = 0.1,
        seed: Any = None,
        **sampler: Any,
    ) -> None:
        if optimize_memory_usage:
            raise ValueError(
                "optimize_memory_usage=True is not supported: the row before the write position has no next"
                " observation then, and still it would be drawn; write optimize_memory_usage=False"
            )
        self.n_steps = as_count(n_steps, "n_steps")
        self.gamma = as_float(gamma, "gamma", 0.0, 1.0)
        super().__init__(  # type: ignore[call-arg]  # SB3's buffer stands behind this class
            buffer_size,
            observation_space,
            action_space,
            device,
            n_envs=n_envs,
            handle_timeout_termination=handle_timeout_termination,
        )
        rows = self.buffer_size
        self._beta_start = None if callable(beta) or "beta_increment" in sampler else as_float(beta, "beta", 0.0, 1.0)
        self.sampler = PrioritizedSampler(
            rows * n_envs,
            beta=beta,
            # A row is kept where one of its transitions is protected, and one row must stay writable.
            rare_quota=as_float(rare_quota, "rare_quota", 0.0, 1.0) * (rows - 1) / (rows * n_envs),
            # SB3 seeds numpy's global generator with the model's seed before it makes the buffer.
            seed=np.random.randint(2**31) if seed is None and "rng" not in sampler else seed,
            **sampler,
        )
        self._guard = WriteBackGuard(
            self.sampler,
            "use PrioritizedDQN, PrioritizedTD3 or PrioritizedSAC of experience_replay_optimizer.adapters"
            ".stable_baselines3, or multiply your loss by samples.weights and call"
            " replay_buffer.update_priorities(samples.indices, td_errors)",
        )

    def add(self, obs: Any, next_obs: Any, action: Any, reward: Any, done: Any, infos: Any) -> None:
        """Store one transition of each environment, with the maximum priority; as SB3's buffers do.

        A full buffer writes to the oldest row without a protected transition. With `n_steps` > 1 rows are read through
        their neighbours and none is passed over: rare transitions are then drawn more often, but not kept longer.

        Raises:
            ValueError: a reward that is not finite, or not one for each environment; nothing has changed then.
        """
        rewards = as_finite(reward, "reward", self.n_envs)
        if self.full and self.n_steps == 1:
            while any(map(self.sampler.is_protected, self._slots())):
                self.pos = (self.pos + 1) % self.buffer_size
        slots = np.array(self._slots())
        super().add(obs, next_obs, action, reward, done, infos)
        self.sampler.add(slots, rewards)

    def sample(self, batch_size: int, env: Any = None, beta: float | None = None) -> PrioritizedSamples:
        """Draw `batch_size` transitions by priority, with replacement.

        Args:
            batch_size: number of transitions B.
            env: SB3's VecNormalize; observations and rewards are normalised by it.
            beta: exponent of the weights for this batch alone; without it the schedule of `beta` moves on.

        Raises:
            ValueError: the buffer is empty.
            RuntimeError: many batches were drawn and no priorities came back: the training loop does not use them.
        """
        self._guard.before_draw()
        slots, weights = self.sampler.sample(batch_size, beta)
        rows, envs = np.divmod(slots, self.n_envs)
        if self.n_steps > 1:
            last, discounts, rewards = self._n_step(rows, envs, env)
        else:
            last, discounts, rewards = rows, None, self._normalised_rewards(self.rewards[rows, envs], env)
        # A time limit is no termination; without `handle_timeout_termination` SB3 leaves all timeouts 0.
        dones = self.dones[last, envs] * (1.0 - self.timeouts[last, envs])
        return PrioritizedSamples(
            self._observation_tensors(self.observations, rows, envs, env),
            self._tensor(self.actions[rows, envs]),
            self._observation_tensors(self.next_observations, last, envs, env),
            self._tensor(dones[:, None]),
            self._tensor(rewards[:, None]),
            None if discounts is None else self._tensor(discounts[:, None]),
            self._tensor(weights[:, None]),
            slots,
        )

    def update_priorities(self, indices: Any, td_errors: Any) -> None:
        """Set the priorities of drawn transitions to |TD error| + epsilon.

        Args:
            indices: `samples.indices`, shape (B,).
            td_errors: shape (B,) or (B, 1), signed or absolute.

        Raises:
            ValueError: another length, NaN or inf, or an index without a transition; nothing has changed then.
        """
        self.sampler.update(indices, td_errors)
        self._guard.after_update()

    def beta_at(self, progress: float) -> float | None:
        """Beta after this share of the training: from `beta` linearly to 1 (Schaul et al. 2015, section 3.4).

        None where the constructor was given a schedule or a `beta_increment`, which counts draws by itself.
        """
        return None if self._beta_start is None else self._beta_start + (1.0 - self._beta_start) * progress

    def reset(self) -> None:
        """Forget all transitions and priorities."""
        super().reset()
        self.sampler.clear()

    def _slots(self) -> range:
        """Slots of the row that is written next."""
        return range(self.pos * self.n_envs, (self.pos + 1) * self.n_envs)

    def _n_step(self, rows: Any, envs: Any, env: Any) -> tuple[Any, Any, Any]:
        """Last row, discount of the bootstrap value and return of each n-step transition, shape (B,) each."""
        steps = (rows[:, None] + np.arange(self.n_steps)) % self.buffer_size
        at = steps, envs[:, None]
        # It ends with the episode, and with the newest row, behind which is the oldest one or none.
        ends = (self.dones[at] > 0.0) | (self.timeouts[at] > 0.0) | (steps == (self.pos - 1) % self.buffer_size)
        ends[:, -1] = True
        lengths = ends.argmax(axis=1) + 1
        rewards = self._normalised_rewards(self.rewards[at], env)
        discounted = rewards * (np.arange(self.n_steps) < lengths[:, None]) * self.gamma ** np.arange(self.n_steps)
        last = (rows + lengths - 1) % self.buffer_size
        return last, (self.gamma**lengths).astype(np.float32), discounted.sum(axis=1).astype(np.float32)

    def _normalised_rewards(self, rewards: Any, env: Any) -> Any:
        return rewards if env is None else env.normalize_reward(rewards).astype(np.float32)

    def _observation_tensors(self, column: Any, rows: Any, envs: Any, env: Any) -> Any:
        if isinstance(column, dict):
            drawn: Any = {key: part[rows, envs] for key, part in column.items()}
        else:
            drawn = column[rows, envs]
        if env is not None:
            drawn = env.normalize_obs(drawn)
        return (
            {key: self._tensor(part) for key, part in drawn.items()} if isinstance(drawn, dict) else self._tensor(drawn)
        )

    def _tensor(self, array: NDArray[Any]) -> th.Tensor:
        return th.as_tensor(array, device=self.device)


class SB3PrioritizedReplayBuffer(PrioritizedRows, ReplayBuffer):
    """SB3's `ReplayBuffer` drawn from by priority; `replay_buffer_class` of the algorithms of this module.

    The arrays are SB3's own. `sample` returns `PrioritizedSamples`. The buffer pickles, so that `save_replay_buffer`
    and `load_replay_buffer` of a model keep transitions, priorities and the random generator.

    Args:
        buffer_size, observation_space, action_space, device, n_envs, handle_timeout_termination: as SB3's.
        optimize_memory_usage: must be False.
        n_steps: length of the returns; they end with the episode and at the newest transition.
        gamma: discount within them.
        beta: exponent of the weights, which the algorithms of this module raise linearly to 1 over the training; or a
            schedule that moves on with each draw.
        rare_quota: share of the rows in [0, 1) that may be kept from being overwritten for rare rewards.
        seed: anything that `numpy.random.default_rng` takes; by default one drawn from numpy's global generator, so
            that the seed of the model decides.
        **sampler: further arguments of `PrioritizedSampler`: alpha, beta_increment, epsilon, rare_fraction (0 is
            textbook prioritised replay), is_rare, normalise, rng. A `beta_increment` turns the raise over the
            training off.

    Raises:
        TypeError, ValueError: an argument of the wrong type or out of range.
    """


class SB3PrioritizedDictReplayBuffer(PrioritizedRows, DictReplayBuffer):
    """`SB3PrioritizedReplayBuffer` for `spaces.Dict` observations: `observations` are dicts of tensors."""
