"""Prioritised replay for Stable-Baselines3 (2.7 and newer): replay buffers, and DQN, TD3 and SAC that use them rightly.

    from experience_replay_optimizer.adapters.stable_baselines3 import PrioritizedDQN

    model = PrioritizedDQN("MlpPolicy", "CartPole-v1", replay_buffer_kwargs={"alpha": 0.6, "beta": 0.4})
    model.learn(50_000)

The buffers alone are not enough: SB3's own algorithms neither weight their losses nor return TD errors, and a buffer of
this module raises RuntimeError when it is drawn from again and again without an update.
"""

# mypy: disable-error-code="import-not-found, misc, no-untyped-call"
# stable_baselines3 is not there where types are checked.

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import torch as th
from gymnasium import spaces
from stable_baselines3 import DQN, SAC, TD3
from stable_baselines3.common.utils import polyak_update
from torch.nn import functional

from ..losses import absolute_td_error, importance_weighted_loss
from ._stable_baselines3_buffers import (
    PrioritizedRows,
    PrioritizedSamples,
    SB3PrioritizedDictReplayBuffer,
    SB3PrioritizedReplayBuffer,
)

__all__ = [
    "PrioritizedDQN",
    "PrioritizedSAC",
    "PrioritizedSamples",
    "PrioritizedTD3",
    "SB3PrioritizedDictReplayBuffer",
    "SB3PrioritizedReplayBuffer",
]


class _PrioritizedAlgorithm:
    """What the algorithms share: their buffer, their draw, the target, the weighted critic loss."""

    _buffer_defaults: dict[str, Any] = {}

    def _setup_model(self: Any) -> None:
        if self.replay_buffer_class is None:
            of_dicts = isinstance(self.observation_space, spaces.Dict)
            self.replay_buffer_class = SB3PrioritizedDictReplayBuffer if of_dicts else SB3PrioritizedReplayBuffer
        if not issubclass(self.replay_buffer_class, PrioritizedRows):
            raise TypeError(
                f"replay_buffer_class must be SB3PrioritizedReplayBuffer, SB3PrioritizedDictReplayBuffer or a subclass,"
                f" not {self.replay_buffer_class.__name__}; without the argument the right one is used"
            )
        returns = {"n_steps": self.n_steps, "gamma": self.gamma}
        self.replay_buffer_kwargs = {**returns, **self._buffer_defaults, **self.replay_buffer_kwargs}
        with warnings.catch_warnings():
            # SB3 says that n_steps is ignored where a buffer class is given; here it is not.
            warnings.filterwarnings("ignore", "`n_steps=")
            super()._setup_model()

    def _draw(self: Any, batch_size: int) -> PrioritizedSamples:
        beta = self.replay_buffer.beta_at(1.0 - self._current_progress_remaining)
        self.logger.record("train/beta", self.replay_buffer.sampler.beta if beta is None else beta)
        batch: PrioritizedSamples = self.replay_buffer.sample(batch_size, self._vec_normalize_env, beta)
        return batch

    def _target(self: Any, batch: PrioritizedSamples, next_values: th.Tensor) -> th.Tensor:
        discounts = self.gamma if batch.discounts is None else batch.discounts
        return batch.rewards + (1.0 - batch.dones) * discounts * next_values

    def _critic_loss(self, values: Any, target: th.Tensor, batch: PrioritizedSamples) -> th.Tensor:
        """Sum over the critics of the weighted mean squared error."""
        errors = [functional.mse_loss(value, target, reduction="none") for value in values]
        return th.stack([importance_weighted_loss(error, batch.weights) for error in errors]).sum()

    def _log(self: Any, **series: list[float]) -> None:
        self.logger.record("train/n_updates", self._n_updates, exclude="tensorboard")
        for name, values in series.items():
            if values:
                self.logger.record(f"train/{name}", np.mean(values))


class PrioritizedDQN(_PrioritizedAlgorithm, DQN):
    """SB3's DQN with importance-weighted Huber loss and priorities |TD error| (Schaul et al. 2015, Algorithm 1).

    The arguments are those of `stable_baselines3.DQN`. `replay_buffer_kwargs` holds the buffer's: see
    `SB3PrioritizedReplayBuffer`, which is used without being named. `n_steps` > 1 is passed on to it.
    """

    def train(self, gradient_steps: int, batch_size: int = 100) -> None:
        """`gradient_steps` updates from batches of `batch_size`; the priorities follow each of them."""
        self.policy.set_training_mode(True)
        self._update_learning_rate(self.policy.optimizer)
        losses = []
        for _ in range(gradient_steps):
            batch = self._draw(batch_size)
            with th.no_grad():
                target = self._target(batch, self.q_net_target(batch.next_observations).amax(dim=1, keepdim=True))
            value = self.q_net(batch.observations).gather(1, batch.actions.long())
            errors = functional.smooth_l1_loss(value, target, reduction="none")
            loss = importance_weighted_loss(errors, batch.weights)
            losses.append(loss.item())
            self.policy.optimizer.zero_grad()
            loss.backward()
            th.nn.utils.clip_grad_norm_(self.policy.parameters(), self.max_grad_norm)
            self.policy.optimizer.step()
            self.replay_buffer.update_priorities(batch.indices, absolute_td_error(value, target))
        self._n_updates += gradient_steps
        self._log(loss=losses)


class PrioritizedTD3(_PrioritizedAlgorithm, TD3):
    """SB3's TD3 with importance-weighted critic losses; the larger of the critics' |TD errors| is the priority.

    The actor's loss is not weighted. `rare_fraction` is 0 by default here: where rewards are dense, a reserved share
    for rare ones does not pay. Prioritised replay itself often does not in actor-critic methods (Saglam et al., JAIR
    2023); compare with TD3. Arguments: those of `stable_baselines3.TD3`, and `replay_buffer_kwargs` as in
    `SB3PrioritizedReplayBuffer`.
    """

    _buffer_defaults = {"rare_fraction": 0.0}

    def train(self, gradient_steps: int, batch_size: int = 100) -> None:
        """`gradient_steps` updates from batches of `batch_size`; the priorities follow each of them."""
        self.policy.set_training_mode(True)
        self._update_learning_rate([self.actor.optimizer, self.critic.optimizer])
        actor_losses, critic_losses = [], []
        for _ in range(gradient_steps):
            self._n_updates += 1
            batch = self._draw(batch_size)
            with th.no_grad():
                noise = th.empty_like(batch.actions).normal_(0, self.target_policy_noise)
                noise.clamp_(-self.target_noise_clip, self.target_noise_clip)
                next_actions = (self.actor_target(batch.next_observations) + noise).clamp(-1, 1)
                next_values = th.cat(self.critic_target(batch.next_observations, next_actions), dim=1)
                target = self._target(batch, next_values.amin(dim=1, keepdim=True))
            values = self.critic(batch.observations, batch.actions)
            critic_loss = self._critic_loss(values, target, batch)
            critic_losses.append(critic_loss.item())
            self.critic.optimizer.zero_grad()
            critic_loss.backward()
            self.critic.optimizer.step()
            self.replay_buffer.update_priorities(batch.indices, absolute_td_error(values, target))
            if self._n_updates % self.policy_delay == 0:
                actor_loss = -self.critic.q1_forward(batch.observations, self.actor(batch.observations)).mean()
                actor_losses.append(actor_loss.item())
                self.actor.optimizer.zero_grad()
                actor_loss.backward()
                self.actor.optimizer.step()
                polyak_update(self.critic.parameters(), self.critic_target.parameters(), self.tau)
                polyak_update(self.actor.parameters(), self.actor_target.parameters(), self.tau)
                polyak_update(self.critic_batch_norm_stats, self.critic_batch_norm_stats_target, 1.0)
                polyak_update(self.actor_batch_norm_stats, self.actor_batch_norm_stats_target, 1.0)
        self._log(actor_loss=actor_losses, critic_loss=critic_losses)


class PrioritizedSAC(_PrioritizedAlgorithm, SAC):
    """SB3's SAC with importance-weighted critic losses; the larger of the critics' |TD errors| is the priority.

    The losses of the actor and of the entropy coefficient are not weighted. `rare_fraction` is 0 by default, and the
    caution of `PrioritizedTD3` holds here too. Arguments: those of `stable_baselines3.SAC`, and `replay_buffer_kwargs`
    as in `SB3PrioritizedReplayBuffer`.
    """

    _buffer_defaults = {"rare_fraction": 0.0}

    def train(self, gradient_steps: int, batch_size: int = 64) -> None:
        """`gradient_steps` updates from batches of `batch_size`; the priorities follow each of them."""
        self.policy.set_training_mode(True)
        own = [] if self.ent_coef_optimizer is None else [self.ent_coef_optimizer]
        self._update_learning_rate([self.actor.optimizer, self.critic.optimizer, *own])
        coefficients, coefficient_losses, actor_losses, critic_losses = [], [], [], []
        for step in range(gradient_steps):
            batch = self._draw(batch_size)
            if self.use_sde:
                self.actor.reset_noise()
            actions, log_prob = self.actor.action_log_prob(batch.observations)
            log_prob = log_prob.reshape(-1, 1)
            if self.ent_coef_optimizer is None:
                coefficient = self.ent_coef_tensor
            else:
                # This step's other losses use the coefficient from before its update.
                coefficient = th.exp(self.log_ent_coef.detach())
                coefficient_loss = -(self.log_ent_coef * (log_prob + self.target_entropy).detach()).mean()
                coefficient_losses.append(coefficient_loss.item())
                self.ent_coef_optimizer.zero_grad()
                coefficient_loss.backward()
                self.ent_coef_optimizer.step()
            coefficients.append(coefficient.item())
            with th.no_grad():
                next_actions, next_log_prob = self.actor.action_log_prob(batch.next_observations)
                next_values = th.cat(self.critic_target(batch.next_observations, next_actions), dim=1)
                soft_values = next_values.amin(dim=1, keepdim=True) - coefficient * next_log_prob.reshape(-1, 1)
                target = self._target(batch, soft_values)
            values = self.critic(batch.observations, batch.actions)
            critic_loss = 0.5 * self._critic_loss(values, target, batch)
            critic_losses.append(critic_loss.item())
            self.critic.optimizer.zero_grad()
            critic_loss.backward()
            self.critic.optimizer.step()
            self.replay_buffer.update_priorities(batch.indices, absolute_td_error(values, target))
            value = th.cat(self.critic(batch.observations, actions), dim=1).amin(dim=1, keepdim=True)
            actor_loss = (coefficient * log_prob - value).mean()
            actor_losses.append(actor_loss.item())
            self.actor.optimizer.zero_grad()
            actor_loss.backward()
            self.actor.optimizer.step()
            if step % self.target_update_interval == 0:
                polyak_update(self.critic.parameters(), self.critic_target.parameters(), self.tau)
                polyak_update(self.batch_norm_stats, self.batch_norm_stats_target, 1.0)
        self._n_updates += gradient_steps
        self._log(
            ent_coef=coefficients,
            actor_loss=actor_losses,
            critic_loss=critic_losses,
            ent_coef_loss=coefficient_losses,
        )
