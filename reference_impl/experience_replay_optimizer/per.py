"""Rank-based prioritised replay for learners with (B, 1) columns, and the training step that goes with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ._dtypes import as_float32, as_int64
from ._validate import as_column, as_count, as_finite, as_float, as_slots
from .losses import importance_weighted_loss
from .samplers.rank_index import RankIndex
from .samplers.stratified import sample_stratified
from .storage.columns import ColumnStorage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


class Samples(NamedTuple):
    """What `PER.draw_samples` returns.

    Attributes:
        obs: float32 of shape (B, *obs_shape).
        action: shape (B, 1), int64 where the actions are integers, float32 otherwise.
        reward: float32 of shape (B, 1).
        next_obs: float32 of shape (B, *obs_shape).
        done: float32 of shape (B, 1), 0.0 or 1.0.
        idxs: int64 of shape (B,), for `update_priority`.
        weights: importance-sampling weights, float32 of shape (B, 1).
    """

    obs: NDArray[np.float32]
    action: NDArray[Any]
    reward: NDArray[np.float32]
    next_obs: NDArray[np.float32]
    done: NDArray[np.float32]
    idxs: NDArray[np.int64]
    weights: NDArray[np.float32]


class PER:
    """Rank-based prioritised replay: P(i) proportional to (1 / rank(i))^alpha (Schaul et al. 2015, section 3.3).

    Rank 1 has the largest |TD error|. The ranks are true at every draw, and a draw takes O(B log n + sqrt(n)).

    Args:
        obs_shape: shape of an observation.
        max_len: number of experiences at most; the oldest gives way.
        batch_size: number of experiences B in a draw.
        alpha: exponent of the ranks, >= 0; 0 is uniform.
        beta: exponent of the importance-sampling weights in [0, 1].
        beta_increment: added to `beta` after each draw, up to 1; >= 0.
        seed: anything that `numpy.random.default_rng` takes.

    Attributes:
        beta: exponent of the next weights.

    Raises:
        TypeError, ValueError: an argument of the wrong type or out of range.
    """

    def __init__(
        self,
        obs_shape: Sequence[int],
        max_len: int,
        batch_size: int,
        alpha: float,
        beta: float,
        beta_increment: float,
        *,
        seed: Any = None,
    ) -> None:
        self.obs_shape = tuple(as_count(size, "obs_shape") for size in obs_shape)
        self.max_len = as_count(max_len, "max_len")
        self.batch_size = as_count(batch_size, "batch_size")
        if self.batch_size > self.max_len:
            raise ValueError(f"batch_size must be at most max_len={self.max_len}, not {self.batch_size}")
        self.beta = as_float(beta, "beta", 0.0, 1.0)
        self.beta_increment = as_float(beta_increment, "beta_increment", 0.0)
        self._index = RankIndex(self.max_len, alpha)
        self._storage = ColumnStorage()
        self._storage.open(self.max_len, 0)
        self._rng = np.random.default_rng(seed)
        self._max_priority = 1.0
        self._next = 0

    def __len__(self) -> int:
        return len(self._index)

    def anneal_beta(self) -> None:
        """Move `beta` on by one increment, up to 1; `draw_samples` does it after each draw."""
        self.beta = min(self.beta + self.beta_increment, 1.0)

    def add_experience(self, obs: Any, action: Any, reward: Any, next_obs: Any, done: Any) -> None:
        """Store an experience with the largest priority so far.

        Args:
            obs, next_obs: numbers of shape `obs_shape`; kept as float32.
            action: one number, or an array of one; the first decides between integers and floats.
            reward: finite number.
            done: flag; pass `terminated`, not `truncated`.

        Raises:
            TypeError: a field that is not made of numbers.
            ValueError: another shape, or a value that cannot be kept. Nothing has changed then.
        """
        observations = as_float32(obs, "obs"), as_float32(next_obs, "next_obs")
        for name, array in zip(("obs", "next_obs"), observations):  # noqa: B905
            if array.shape != self.obs_shape:
                raise ValueError(f"{name} has shape {array.shape}, and obs_shape is {self.obs_shape}")
        chosen = as_column(action, "action")
        chosen = as_float32(chosen, "action") if chosen.dtype.kind == "f" else as_int64(chosen, "action")
        self._storage.write(
            self._next, (observations[0], chosen, as_float32(reward, "reward"), observations[1], done), {}
        )
        self._index.set(np.array([self._next]), np.array([self._max_priority]))
        self._next = (self._next + 1) % self.max_len

    def draw_samples(self) -> Samples:
        """Draw `batch_size` experiences by rank, one from each of as many equally likely segments, and anneal beta.

        Returns:
            See `Samples`; the weights are (N P(i))^-beta over the largest of the batch. All arrays are the caller's.

        Raises:
            ValueError: fewer experiences are stored.
        """
        slots, weights = sample_stratified(self._index, len(self), self.batch_size, self.beta, self._rng)
        batch = self._storage.gather(slots)
        self.anneal_beta()
        rewards, dones = batch.rewards.reshape(-1, 1), batch.dones.reshape(-1, 1).astype(np.float32)
        return Samples(batch.states, batch.actions, rewards, batch.next_states, dones, slots, weights.reshape(-1, 1))

    def update_priority(self, idxs: Any, td_errors: Any) -> None:
        """Rank experiences by |TD error| from now on.

        Args:
            idxs: what `draw_samples` returned, shape (B,); of equal ones the last TD error counts.
            td_errors: shape (B,) or (B, 1), signed or absolute; numpy, tensors and lists are taken.

        Raises:
            ValueError: another length, NaN or inf, or an index that holds no experience. Nothing has changed then.
            TypeError: indices that are no integers.
        """
        slots = as_slots(idxs, self.max_len, "idxs")
        errors = np.abs(as_finite(td_errors, "td_errors", slots.size))
        empty = slots[slots >= len(self)]
        if empty.size:
            raise ValueError(f"index {empty[0]} holds no experience: the memory holds {len(self)}")
        # An error of 0 takes the last rank, as it should; the index knows positive priorities only.
        self._index.set(slots, np.maximum(errors, np.finfo(np.float64).tiny))
        self._max_priority = max(self._max_priority, float(errors.max(initial=0.0)))

    def __repr__(self) -> str:
        return f"PER({len(self)} of {self.max_len}, obs_shape={self.obs_shape}, beta={self.beta:g})"


def rank_based_training_step(
    memory: PER, online_network: Any, target_network: Any, optimizer: Any, gamma: float = 0.99, warmup: int = 1
) -> float | None:
    """One step of DQN on a batch of `memory`: the weights multiply the squared TD errors, not the TD errors.

    Args:
        memory: discrete actions in it.
        online_network: torch module from observations (B, *obs_shape) to action values (B, A); it is trained.
        target_network: the same for the bootstrap target reward + gamma (1 - done) max_a Q(next_obs, a).
        optimizer: torch optimiser of the online network's parameters.
        gamma: discount in [0, 1].
        warmup: nothing happens while the memory holds fewer experiences, or fewer than a batch.

    Returns:
        The loss, the mean of weight * TD error^2 / 2; None while warming up.

    Raises:
        ImportError: torch is not installed.
        ValueError: gamma outside [0, 1].
    """
    import torch

    discount = as_float(gamma, "gamma", 0.0, 1.0)
    if len(memory) < max(as_count(warmup, "warmup"), memory.batch_size):
        return None
    batch = memory.draw_samples()
    device = next(online_network.parameters()).device
    obs, action, reward, next_obs, done, weights = (
        torch.from_numpy(array).to(device)
        for array in (batch.obs, batch.action, batch.reward, batch.next_obs, batch.done, batch.weights)
    )
    with torch.no_grad():
        target = reward + discount * target_network(next_obs).max(dim=1, keepdim=True)[0] * (1.0 - done)
    td_error = target - online_network(obs).gather(dim=1, index=action)
    loss = importance_weighted_loss(td_error.pow(2).mul(0.5), weights)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    memory.update_priority(batch.idxs, td_error.detach())
    return float(loss.detach())
