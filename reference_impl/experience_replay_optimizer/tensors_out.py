"""Replay buffers that hand out torch tensors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ._validate import as_finite, as_slots
from .fixed_shape import FixedShapeBuffer, columns, uniform
from .prioritized_buffer import PrioritizedReplayBuffer as CoreBuffer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from .samplers.prioritized import PrioritizedSampler

    Tensors = tuple[Any, Any, Any, Any, Any]


def _tensors(arrays: tuple[NDArray[Any], ...]) -> tuple[Any, ...]:
    """The arrays as CPU tensors that share their memory."""
    try:
        import torch
    except ImportError:
        raise ImportError(
            "these buffers return torch tensors, and torch is not installed: pip install torch, or use"
            " experience_replay_optimizer.dqn, which returns numpy arrays"
        ) from None
    return tuple(map(torch.from_numpy, arrays))


class ReplayBuffer(FixedShapeBuffer):
    """Draws transitions uniformly, none twice in a batch. When it is full, the oldest gives way.

    Args:
        capacity: number of transitions at most.
        seed: anything that `numpy.random.default_rng` takes.

    Raises:
        TypeError, ValueError: a capacity that is no positive int.
    """

    def __init__(self, capacity: int, *, seed: Any = None) -> None:
        super().__init__(uniform(capacity, seed))

    def sample(self, batch_size: int) -> Tensors:
        """Draw a batch.

        Args:
            batch_size: number of transitions B, at most `len(self)`.

        Returns:
            CPU tensors: states (B, *shape) float32, actions (B,) int64, rewards (B,) float32, next states (B, *shape)
            float32, dones (B,) float32, 0.0 or 1.0.

        Raises:
            ValueError: fewer transitions are stored.
            TypeError: batch_size is no int.
            ImportError: torch is not installed.
        """
        states, actions, rewards, next_states, dones = _tensors(columns(self._buffer.sample(batch_size).batch))
        return states, actions, rewards, next_states, dones


class Priorities:
    """The priorities of a buffer by index (`PrioritizedReplayBuffer.priorities`), to be read and assigned.

    Index i is the place of a transition: what `sample` returns, and until the buffer is full the order of `push`.
    Integers, slices and arrays of integers are taken.
    """

    def __init__(self, sampler: PrioritizedSampler) -> None:
        self._sampler = sampler
        # Kept beside p^alpha, from which p cannot be told when alpha is 0.
        self._values = np.zeros(sampler.capacity)

    def __len__(self) -> int:
        return len(self._sampler)

    def __iter__(self) -> Iterator[float]:
        return iter(self[:].tolist())

    def __getitem__(self, at: Any) -> Any:
        """A copy: one float for an int, float64 of shape (B,) for a slice or B integers. IndexError out of range."""
        return self._values[: len(self)][at].copy()

    def __setitem__(self, at: Any, values: Any) -> None:
        """Set priorities; one number counts for all.

        Raises:
            IndexError: an index out of range.
            ValueError: values that are not finite or below epsilon, or too many of them; nothing has changed then.
        """
        slots = np.atleast_1d(np.arange(len(self))[at])
        given = np.broadcast_to(np.asarray(values, np.float64), slots.shape)
        if not (given >= self._sampler.epsilon).all():
            raise ValueError(
                f"a priority must be at least epsilon={self._sampler.epsilon:g}, not {given.min():g}: it is"
                " |TD error| + epsilon"
            )
        self._sampler.update(slots, given - self._sampler.epsilon)
        self._values[slots] = given

    def __repr__(self) -> str:
        return f"Priorities({self[:]})"

    def add(self, slot: int) -> None:
        """A transition was stored at `slot`, with the largest priority so far."""
        self._values[slot] = self._sampler.max_priority

    def update(self, indices: NDArray[np.int64], td_errors: Any) -> None:
        """Set priorities to |TD error| + epsilon."""
        errors = np.abs(as_finite(td_errors, "td_errors", indices.size))
        self._sampler.update(indices, errors)
        self._values[indices] = errors + self._sampler.epsilon


class PrioritizedReplayBuffer(FixedShapeBuffer):
    """Draws transitions with P(i) = p_i^alpha / sum p^alpha, p = |TD error| + epsilon, and returns these probabilities.

    The importance-sampling weights are the caller's: (len(buffer) * probabilities) ** -beta, over their maximum (Schaul
    et al. 2015, section 3.4).

    Args:
        capacity: number of transitions at most; the oldest gives way.
        alpha: exponent of the priorities, >= 0; 0 is uniform.
        epsilon: added to |TD error|; > 0.
        seed: anything that `numpy.random.default_rng` takes.

    Attributes:
        priorities: the priorities by index, to be read and assigned: `buffer.priorities[3] = 5.0`.

    Raises:
        TypeError, ValueError: an argument of the wrong type or out of range.
    """

    def __init__(self, capacity: int, alpha: float = 0.6, epsilon: float = 1e-6, *, seed: Any = None) -> None:
        super().__init__(CoreBuffer(capacity, alpha, epsilon=epsilon, rare_fraction=0.0, seed=seed))
        self.priorities = Priorities(self._buffer.sampler)

    @property
    def alpha(self) -> float:
        """Exponent of the priorities."""
        return self._buffer.alpha

    @property
    def epsilon(self) -> float:
        """Added to |TD error| in a priority."""
        return self._buffer.epsilon

    def push(self, state: Any, action: Any, reward: Any, next_state: Any, done: Any) -> None:
        """Store a transition with the largest priority so far, as `ReplayBuffer.push` with the same errors."""
        super().push(state, action, reward, next_state, done)
        self.priorities.add(self._newest_slot)

    def sample(self, batch_size: int) -> tuple[Any, Any, Any, Any, Any, NDArray[np.int64], Any]:
        """Draw a batch by priority, with replacement.

        Args:
            batch_size: number of transitions B, at most `len(self)`.

        Returns:
            The five tensors that `ReplayBuffer.sample` returns; indices for `update_priorities` and `priorities`, a
            numpy array, int64 of shape (B,); the probability P(i) of each, float32 tensor of shape (B,).

        Raises:
            ValueError: fewer transitions are stored.
            TypeError: batch_size is no int.
            ImportError: torch is not installed.
        """
        batch, _, indices = self._buffer.sample(batch_size)
        slots = self._buffer.slots(indices)
        density = self._buffer.sampler.probabilities(slots, batch_size).astype(np.float32)
        states, actions, rewards, next_states, dones, probabilities = _tensors((*columns(batch), density))
        return states, actions, rewards, next_states, dones, slots, probabilities

    def update_priorities(self, indices: Any, td_errors: Any) -> None:
        """Set the priorities of transitions to |TD error| + epsilon.

        Args:
            indices: what `sample` returned, shape (B,); of equal ones the last TD error counts.
            td_errors: shape (B,) or (B, 1), signed or absolute; tensors, arrays and lists are taken.

        Raises:
            ValueError: another length, NaN or inf, or an index that holds no transition; nothing has changed then.
            TypeError: indices that are no integers.
        """
        self.priorities.update(as_slots(indices, self.capacity), td_errors)
