"""The replay buffer of CleanRL's scripts, drawn from by priority: in place of Stable-Baselines3's `ReplayBuffer`.

    from experience_replay_optimizer.adapters.cleanrl import ReplayBuffer

    rb = ReplayBuffer(args.buffer_size, envs.single_observation_space, envs.single_action_space, device,
                      beta=LinearSchedule(0.4, 1.0, number_of_updates), handle_timeout_termination=False)
    rb.add(obs, real_next_obs, actions, rewards, terminations, infos)
    data = rb.sample(args.batch_size)
    td_target = data.rewards.flatten() + args.gamma * target_max * (1 - data.dones.flatten())
    loss = importance_weighted_loss(F.mse_loss(old_val, td_target, reduction="none"), data.weights)
    ...                                                                             # the optimiser's step
    rb.update_priorities(data.indices, td_target - old_val)

Exchanging the import is not enough: the last two lines of the training step change with it, and a script that goes on
drawing without them is stopped with a RuntimeError. Stable-Baselines3 need not be installed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import torch

from .._episodes import as_flags, mapped
from .._validate import as_count, as_finite, to_numpy
from ..prioritized_buffer import PrioritizedReplayBuffer
from ..storage.next_by_index import NextByIndexStorage
from ._infos import infos_by_environment
from ._write_back import WriteBackGuard


class ReplayBufferSamples(NamedTuple):
    """B transitions as tensors on the buffer's device; on the CPU they share the memory of what the buffer drew.

    Attributes:
        observations, next_observations: shape (B, *observation shape), or dicts of such tensors; (B, 1) for `Discrete`.
        actions: shape (B, number of action components); int64 for `Discrete`, so that `gather(1, data.actions)` works.
        dones: float32 of shape (B, 1).
        rewards: float32 of shape (B, 1).
        weights: importance-sampling weights, float32 of shape (B,), like a loss of flattened values.
        indices: int64 numpy array of shape (B,) for `update_priorities`.
    """

    observations: Any
    actions: torch.Tensor
    next_observations: Any
    dones: torch.Tensor
    rewards: torch.Tensor
    weights: torch.Tensor
    indices: Any


class ReplayBuffer:
    """CleanRL's interface to a `PrioritizedReplayBuffer`, which is `self.buffer`: save, load and protect by it.

    Args:
        buffer_size: number of transitions at most, of all environments together.
        observation_space, action_space: those of a single environment; Dict observations are taken.
        device: where the tensors of `sample` are; "auto" is CUDA where there is one.
        n_envs: number of environments that step together.
        optimize_memory_usage: store each observation once, where the next observation of a step is the observation of
            the following one; unlike elsewhere the last observations of episodes are kept.
        handle_timeout_termination: do not store an end as `done` where the infos have a true "TimeLimit.truncated", as
            gym before 0.26 and Stable-Baselines3's environments say it. Scripts that give `terminations` pass False.
        seed: anything that `numpy.random.default_rng` takes; by default one drawn from numpy's global generator, which
            the scripts seed.
        **buffer: further arguments of `PrioritizedReplayBuffer`: alpha, beta, rare_fraction (0 is textbook prioritised
            replay), storage, ... A constant `beta` grows by `beta_increment` with each draw: better give it
            `LinearSchedule(0.4, 1.0, number of updates)`.

    Raises:
        TypeError, ValueError: an argument of the wrong type or out of range.
    """

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
        seed: Any = None,
        **buffer: Any,
    ) -> None:
        if optimize_memory_usage:
            if buffer.get("storage") is not None:
                raise ValueError("optimize_memory_usage=True chooses the storage: give it or storage=, not both")
            buffer["storage"] = NextByIndexStorage(n_envs)
        self.n_envs = as_count(n_envs, "n_envs")
        if seed is None and "rng" not in buffer:
            seed = np.random.randint(2**31)
        self.buffer = PrioritizedReplayBuffer(buffer_size, seed=seed, **buffer)
        self.observation_space = observation_space
        self.action_space = action_space
        self.device = torch.device(("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device)
        self.handle_timeout_termination = handle_timeout_termination
        self._guard = WriteBackGuard(
            self.buffer.sampler,
            "write importance_weighted_loss(F.mse_loss(..., reduction='none'), data.weights) for the loss and"
            " rb.update_priorities(data.indices, td_errors) after the optimiser's step",
        )

    def __len__(self) -> int:
        return len(self.buffer)

    def size(self) -> int:
        """Number of transitions stored."""
        return len(self.buffer)

    def add(self, obs: Any, next_obs: Any, action: Any, reward: Any, done: Any, infos: Any) -> None:
        """Store one transition of each environment.

        Args:
            obs, next_obs: shape (n_envs, *observation shape) or dicts of such arrays; `next_obs` with the final
                observations of the episodes that are over.
            action: shape (n_envs, *action shape).
            reward, done: shape (n_envs,).
            infos: the environments' infos: a list of dicts, or gymnasium's dict of arrays.

        Raises:
            TypeError, ValueError: another shape, or a reward that is not finite; nothing has changed then.
        """
        count = self.n_envs
        dones = as_flags(done, "done", count)
        read = self.handle_timeout_termination or self.buffer.sampler.preserves_rare
        each = infos_by_environment(infos, count) if infos and read else None
        if self.handle_timeout_termination and each is not None:
            dones &= ~np.array([bool(info.get("TimeLimit.truncated", False)) for info in each])
        actions = _rows(action, self.action_space, count, "action")
        self.buffer.add_batch(
            _rows(obs, self.observation_space, count, "obs"),
            # SB3 narrows float64 actions too: the networks are float32.
            actions.astype(np.float32).reshape(count, -1)
            if actions.dtype == np.float64
            else actions.reshape(count, -1),
            as_finite(reward, "reward", count),
            _rows(next_obs, self.observation_space, count, "next_obs"),
            dones,
            each,
        )

    def sample(self, batch_size: int, beta: float | None = None) -> ReplayBufferSamples:
        """Draw `batch_size` transitions by priority, with replacement.

        Args:
            batch_size: number of transitions B, at most `len(self)`.
            beta: exponent of the weights for this batch alone; the schedule then stays where it is.

        Raises:
            ValueError: fewer transitions are stored.
            RuntimeError: many batches were drawn and no priorities came back: the training step does not use them.
        """
        self._guard.before_draw()
        batch, weights, indices = self.buffer.sample(batch_size, beta)
        return ReplayBufferSamples(
            mapped(self._tensor, batch.states),
            self._tensor(batch.actions),
            mapped(self._tensor, batch.next_states),
            self._tensor(batch.dones.astype(np.float32)[:, None]),
            self._tensor(batch.rewards.astype(np.float32, copy=False)[:, None]),
            self._tensor(weights),
            indices,
        )

    def update_priorities(self, indices: Any, td_errors: Any) -> None:
        """Set the priorities of drawn transitions to |TD error| + epsilon.

        Args:
            indices: `data.indices`, shape (B,).
            td_errors: shape (B,) or (B, 1), signed or absolute; a tensor on any device, or an array.

        Raises:
            ValueError: another length, NaN or inf; nothing has changed then.
        """
        self.buffer.update_priorities(indices, td_errors)
        self._guard.after_update()

    def _tensor(self, array: Any) -> torch.Tensor:
        return torch.from_numpy(array).to(self.device)


def _rows(values: Any, space: Any, count: int, name: str) -> Any:
    """`values` with `count` rows of the space's shape, and its dtype where that is of the same kind."""
    if isinstance(values, Mapping):
        return {key: _rows(part, space[key], count, f"{name}[{key!r}]") for key, part in values.items()}
    array = to_numpy(values)
    if array.shape == space.shape and count == 1:
        array = array[None]
    if array.shape != (count, *space.shape):
        raise ValueError(f"{name} has shape {array.shape}, expected {(count, *space.shape)}: n_envs is {count}")
    # Floats are rounded to the space's; floats in a space of bytes would be truncated: the column widens instead.
    fits = np.can_cast(array.dtype, space.dtype) or array.dtype.kind == np.dtype(space.dtype).kind == "f"
    dtype = space.dtype if fits else array.dtype
    return array.astype(dtype, copy=False).reshape(count, *(space.shape or (1,)))
