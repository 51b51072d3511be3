"""Replay buffers for DQN with a fixed interface: `push` transitions, `sample` the five arrays of a batch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from ._validate import as_count, as_finite, as_float, as_slots
from .fixed_shape import FixedShapeBuffer, columns, uniform
from .memory import SumTree as PriorityTree
from .prioritized_buffer import PrioritizedReplayBuffer as CoreBuffer
from .schedules import LinearSchedule

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

    from .fixed_shape import Columns


class Experience(NamedTuple):
    """One transition.

    Attributes:
        state: float32 array.
        action: int.
        reward: float.
        next_state: float32 array of the same shape.
        done: flag, true where the episode terminated.
    """

    state: Any
    action: Any
    reward: Any
    next_state: Any
    done: Any


class _ExperienceBuffer(FixedShapeBuffer):
    """Gives back what was pushed as `Experience`."""

    def __iter__(self) -> Iterator[Experience]:
        """The experiences, oldest first."""
        return (Experience(*row) for row in self._buffer)

    def __getitem__(self, at: int) -> Experience:
        """The experience at a position, 0 the oldest and -1 the newest."""
        return Experience(*self._buffer[at])

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write everything to a file: experiences, priorities, the schedule of beta and the random generator.

        No pickle, whatever the suffix; a file of that name is replaced only when the new one is complete.

        Args:
            path: any name in a folder that exists.

        Raises:
            OSError: the file cannot be written.
        """
        self._buffer.save(path)

    def load(self, path: str | os.PathLike[str]) -> None:
        """Take over what a buffer of the same class, capacity, alpha and epsilon saved; what was here is forgotten.

        Raises:
            ValueError: a file that `save` did not write, a damaged one, or one of another buffer. Nothing has changed
                then.
            OSError: the file cannot be read.
        """
        self._buffer.load(path)


class ReplayBuffer(_ExperienceBuffer):
    """Draws experiences uniformly, none twice in a batch. When it is full, the oldest gives way.

    Args:
        capacity: number of experiences at most.
        seed: anything that `numpy.random.default_rng` takes.

    Raises:
        TypeError, ValueError: a capacity that is no positive int.
    """

    def __init__(self, capacity: int, seed: Any = None) -> None:
        super().__init__(uniform(capacity, seed))

    def sample(self, batch_size: int) -> Columns:
        """Draw a batch.

        Args:
            batch_size: number of experiences B, at most `len(self)`.

        Returns:
            states (B, *shape) float32, actions (B,) int64, rewards (B,) float32, next states (B, *shape) float32,
            dones (B,) float32, 0.0 or 1.0. The arrays belong to the caller.

        Raises:
            ValueError: fewer experiences are stored.
            TypeError: batch_size is no int.
        """
        return columns(self._buffer.sample(batch_size).batch)


class PrioritizedReplayBuffer(_ExperienceBuffer):
    """Textbook prioritised replay with proportional priorities (Schaul et al. 2015, Algorithm 1).

    P(i) = p_i^alpha / sum p^alpha with p = |TD error| + epsilon. No share of a batch is reserved for rare events.

    Args:
        capacity: number of experiences at most.
        alpha: exponent of the priorities, >= 0; 0 is uniform.
        beta_start: exponent of the importance-sampling weights at first, in [0, 1].
        beta_end: what it is after `beta_frames` batches, in [0, 1].
        beta_frames: number of batches, at least 1: one frame is one call of `sample`.
        epsilon: added to |TD error|; > 0.
        seed: anything that `numpy.random.default_rng` takes.

    Raises:
        TypeError, ValueError: an argument of the wrong type or out of range.
    """

    def __init__(
        self,
        capacity: int,
        alpha: float = 0.6,
        beta_start: float = 0.4,
        beta_end: float = 1.0,
        beta_frames: int = 100_000,
        epsilon: float = 1e-6,
        seed: Any = None,
    ) -> None:
        beta = LinearSchedule(
            as_float(beta_start, "beta_start", 0.0, 1.0),
            as_float(beta_end, "beta_end", 0.0, 1.0),
            as_count(beta_frames, "beta_frames"),
        )
        super().__init__(CoreBuffer(capacity, alpha, beta, epsilon=epsilon, rare_fraction=0.0, seed=seed))

    @property
    def alpha(self) -> float:
        """Exponent of the priorities."""
        return self._buffer.alpha

    @property
    def beta(self) -> float:
        """Exponent of the weights of the next batch."""
        return self._buffer.beta

    @property
    def beta_start(self) -> float:
        """What beta was at first."""
        return self._schedule.start

    @property
    def beta_end(self) -> float:
        """What beta comes to."""
        return self._schedule.end

    @property
    def beta_frames(self) -> int:
        """Number of batches until then."""
        return self._schedule.steps

    @property
    def _schedule(self) -> LinearSchedule:
        # Asked of the sampler: load() brings the schedule of the buffer that was saved.
        schedule = self._buffer.sampler._beta
        assert isinstance(schedule, LinearSchedule)
        return schedule

    @property
    def epsilon(self) -> float:
        """Added to |TD error| in a priority."""
        return self._buffer.epsilon

    @property
    def max_priority(self) -> float:
        """Largest |TD error| + epsilon so far, 1.0 at first: the priority of new experiences."""
        return self._buffer.max_priority

    def push(
        self, state: Any, action: Any, reward: Any, next_state: Any, done: Any, priority: float | None = None
    ) -> None:
        """Store an experience, as `ReplayBuffer.push` does.

        Args:
            state, action, reward, next_state, done: the fields.
            priority: its TD error where that is known already, signed or absolute; None is the maximum priority.

        Raises:
            TypeError, ValueError: as `ReplayBuffer.push`, or a priority that is not one finite number.
        """
        if priority is None:
            super().push(state, action, reward, next_state, done)
            return
        error = as_finite(priority, "priority", 1)
        super().push(state, action, reward, next_state, done)
        self._buffer.sampler.update(self._newest_slot, error)

    def sample(self, batch_size: int) -> tuple[Any, Any, Any, Any, Any, NDArray[np.float32], NDArray[np.int64]]:
        """Draw a batch by priority, with replacement, and move beta on by one frame.

        Args:
            batch_size: number of experiences B, at most `len(self)`.

        Returns:
            states, actions, rewards, next states and dones as `ReplayBuffer.sample` has them; the importance-sampling
            weights (N P(i))^-beta over the largest of the batch, float32 of shape (B,); indices for
            `update_priorities`, int64 of shape (B,). The arrays belong to the caller.

        Raises:
            ValueError: fewer experiences are stored.
            TypeError: batch_size is no int.
        """
        batch, weights, indices = self._buffer.sample(batch_size)
        return (*columns(batch), weights, indices)

    def update_priorities(self, indices: Any, priorities: Any) -> None:
        """Set the priorities of drawn experiences to |TD error| + epsilon.

        Args:
            indices: what `sample` returned, shape (B,); those of experiences that are gone are passed over.
            priorities: TD errors, signed or absolute, shape (B,) or (B, 1).

        Raises:
            ValueError: another length, NaN or inf, or an index that was never returned. Nothing has changed then.
            TypeError: indices that are no integers.
        """
        self._buffer.update_priorities(indices, priorities)


class Leaf(NamedTuple):
    """What `SumTree.get` finds.

    Attributes:
        tree_idx: index for `SumTree.update`.
        priority: its priority.
        data: the very object that was added.
    """

    tree_idx: int
    priority: float
    data: Any


class SumTree:
    """The last `capacity` objects with their priorities; found by cumulative priority in O(log capacity).

    Args:
        capacity: number of objects at most; the oldest gives way.

    Raises:
        TypeError, ValueError: a capacity that is no positive int.
    """

    def __init__(self, capacity: int) -> None:
        self._tree = PriorityTree(capacity)
        self._data: list[Any] = []
        self._next = 0

    @property
    def capacity(self) -> int:
        """Number of objects at most."""
        return self._tree.capacity

    def __len__(self) -> int:
        return len(self._data)

    def add(self, priority: float, data: Any) -> int:
        """Store `data` with its priority, and return its index.

        Raises:
            ValueError: a priority that is not finite and positive; nothing has changed then.
            TypeError: a priority that is no number.
        """
        tree_idx = self._next
        self._tree.update(tree_idx, priority)
        self._data[tree_idx : tree_idx + 1] = [data]
        self._next = (tree_idx + 1) % self.capacity
        return tree_idx

    def update(self, tree_idx: int, priority: float) -> None:
        """Change the priority of an object.

        Raises:
            ValueError: an index that holds no object, or a priority that is not finite and positive; nothing has
                changed then.
            TypeError: an index that is no int, a priority that is no number.
        """
        if as_slots(tree_idx, self.capacity, "tree_idx").max(initial=0) >= len(self):
            raise ValueError(f"tree_idx {tree_idx} holds no object: the tree holds {len(self)}")
        self._tree.update(tree_idx, priority)

    def get(self, priority_sum: float) -> Leaf:
        """The object in which the cumulative sum of the priorities reaches `priority_sum`, in [0, total_priority].

        Raises:
            ValueError: out of range, or the tree is empty.
        """
        tree_idx, priority = self._tree.get_leaf(priority_sum)
        return Leaf(tree_idx, priority, self._data[tree_idx])

    @property
    def total_priority(self) -> float:
        """Sum of the priorities, 0.0 if empty."""
        return self._tree.total_sum()

    @property
    def max_priority(self) -> float:
        """Largest priority of an object that is stored, 0.0 if empty; takes O(len)."""
        return float(self._tree.priorities()[: len(self)].max(initial=0.0))

    @property
    def min_priority(self) -> float:
        """Smallest priority of an object that is stored, 0.0 if empty; takes O(len)."""
        return float(self._tree.priorities()[: len(self)].min()) if self._data else 0.0
