"""Replay memories of any objects under short names: `ReplayMemory`, `PrioritizedReplayMemory`, `SumTree`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ._validate import as_count, as_finite, as_float, as_slots
from .samplers.sum_tree import SumTree as Sums
from .schedules import as_beta_schedule

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from .schedules import Schedule

# p^alpha outside this range cannot be summed in float64 without overflow or loss.
_SMALLEST, _LARGEST = 1e-140, 1e140


def as_priorities(value: Any, length: int) -> NDArray[np.float64]:
    """`length` finite and positive numbers as float64 of shape (length,). ValueError or TypeError otherwise."""
    given = as_finite(value, "priority", length)
    if given.size and given.min() <= 0.0:
        raise ValueError(
            f"priority must be positive, not {given.min():g}: what has it would never be drawn again; give"
            " abs(td_error) + epsilon"
        )
    return given


def as_leaves(priorities: NDArray[np.float64], alpha: float) -> NDArray[np.float64]:
    """p^alpha, float64 of shape (B,). ValueError where float64 could not sum it."""
    with np.errstate(over="ignore", under="ignore"):
        leaves: NDArray[np.float64] = priorities**alpha
    outside = (leaves < _SMALLEST) | (leaves > _LARGEST)
    if outside.any():
        raise ValueError(
            f"priority {priorities[outside][0]:g} to the power of alpha={alpha:g} is {leaves[outside][0]:g}, and"
            f" float64 sums [{_SMALLEST:g}, {_LARGEST:g}]: the TD errors have diverged, or alpha is too large"
        )
    return leaves


class SumTree:
    """Priorities of `capacity` places, their sum, and the place under a point of the cumulative sum.

    Updates and look-ups take O(log capacity). Parents are recomputed from their children and never moved by
    differences, so that the sum does not drift; places without a priority are never found (Schaul et al. 2015,
    appendix B.2.1). Any capacity will do, a power of two or not.

    Args:
        capacity: number of places, all empty at first.

    Raises:
        TypeError, ValueError: a capacity that is no positive int.
    """

    def __init__(self, capacity: int) -> None:
        self.capacity = as_count(capacity, "capacity")
        self._sums = Sums(self.capacity)

    def update(self, idx: int, priority: float) -> None:
        """Set the priority of place `idx` in [0, capacity).

        Raises:
            ValueError: an index out of range, or a priority that is not finite and positive; nothing has changed then.
            TypeError: an index that is no int, a priority that is no number.
        """
        slots = as_slots(idx, self.capacity, "idx")
        self._sums.set(slots, as_leaves(as_priorities(priority, slots.size), 1.0))

    def get_leaf(self, value: float) -> tuple[int, float]:
        """The place in which the cumulative sum of the priorities reaches `value`, and its priority.

        Args:
            value: in [0, total_sum()]; drawn uniformly from it, place i comes up with probability p_i / total_sum().

        Returns:
            (index, priority) of a place whose priority has been set.

        Raises:
            ValueError: a value out of range, or a tree in which no priority has been set.
        """
        total = self.total_sum()
        if total == 0.0:
            raise ValueError("the tree is empty: update() sets priorities")
        point = as_float(value, "value", 0.0, total)
        slots = self._sums.find(np.array([point]))
        return int(slots[0]), float(self._sums[slots][0])

    def total_sum(self) -> float:
        """The sum of the priorities, 0.0 while none has been set."""
        return self._sums.total

    def priorities(self) -> NDArray[np.float64]:
        """The priority of each place, 0.0 where none has been set: float64 of shape (capacity,), a copy."""
        return self._sums[np.arange(self.capacity)]

    def print_tree(self) -> None:
        """Print the nodes level by level: the total, the sums below it, ..., the priorities, padded by 0."""
        levels = [np.zeros(1 << (self.capacity - 1).bit_length())]
        levels[0][: self.capacity] = self.priorities()
        while levels[-1].size > 1:
            levels.append(levels[-1].reshape(-1, 2).sum(axis=1))
        print(np.concatenate(levels[::-1]))


class _Ring:
    """The last `capacity` objects; the oldest gives way."""

    def __init__(self, capacity: int, seed: Any) -> None:
        self.capacity = as_count(capacity, "capacity")
        self._items: list[Any] = []
        self._next = 0
        self._rng = np.random.default_rng(seed)

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[Any]:
        """The objects, oldest first."""
        at = self._next if len(self) == self.capacity else 0
        return iter(self._items[at:] + self._items[:at])

    def _write(self, item: Any) -> int:
        """The place that `item` was put in."""
        place = self._next
        self._items[place : place + 1] = [item]
        self._next = (place + 1) % self.capacity
        return place

    def _batch_size(self, value: Any, name: str) -> int:
        count = as_count(value, name)
        if count > len(self):
            raise ValueError(f"{name} is {count}, and the memory holds only {len(self)}")
        return count


class ReplayMemory(_Ring):
    """Keeps the last `maxlen` objects and draws among them uniformly.

    Args:
        maxlen: number of objects at most; the oldest gives way.
        seed: anything that `numpy.random.default_rng` takes.

    Raises:
        TypeError, ValueError: a `maxlen` that is no positive int.
    """

    def __init__(self, maxlen: int, *, seed: Any = None) -> None:
        super().__init__(as_count(maxlen, "maxlen"), seed)

    def append(self, transition: Any) -> None:
        """Store any object."""
        self._write(transition)

    def sample(self, sample_size: int) -> list[Any]:
        """`sample_size` different objects, the very ones that were appended.

        Raises:
            ValueError: fewer are stored.
            TypeError: sample_size is no int.
        """
        count = self._batch_size(sample_size, "sample_size")
        return [self._items[at] for at in self._rng.choice(len(self), count, replace=False).tolist()]


class PrioritizedReplayMemory(_Ring):
    """Stratified proportional prioritised replay whose caller gives the priorities and anneals beta.

    A batch of B has one transition from each of B segments of equal probability (Schaul et al. 2015, appendix B.2.1),
    P(i) = p_i^alpha / sum p^alpha: on average B P(i) copies of transition i, with less variance than independent draws.

    Args:
        capacity: number of transitions at most; the oldest gives way.
        alpha: exponent of the priorities, >= 0; 0 is uniform.
        seed: anything that `numpy.random.default_rng` takes.

    Raises:
        TypeError, ValueError: an argument of the wrong type or out of range.
    """

    def __init__(self, capacity: int, alpha: float = 0.6, *, seed: Any = None) -> None:
        super().__init__(capacity, seed)
        self.alpha = as_float(alpha, "alpha", 0.0)
        self._sums = Sums(self.capacity)
        self._max_priority = 1.0

    def store(
        self, state: Any, action: Any, reward: Any, next_state: Any, done: Any, priority: float | None = None
    ) -> None:
        """Store a transition, any objects, with its priority.

        Args:
            state, action, reward, next_state, done: the fields; `sample` returns the very objects.
            priority: positive, such as |TD error| + epsilon; None is `get_max_priority()`.

        Raises:
            ValueError: a priority that is not finite and positive; nothing has changed then.
            TypeError: a priority that is no number.
        """
        given = as_priorities(self._max_priority if priority is None else priority, 1)
        leaves = as_leaves(given, self.alpha)
        place = self._write((state, action, reward, next_state, done))
        self._set(np.array([place]), given, leaves)

    def sample(
        self, batch_size: int, beta: float | Schedule | Callable[[], float] = 0.4
    ) -> tuple[list[tuple[Any, ...]], NDArray[np.int64], NDArray[np.float32]]:
        """Draw a batch, one transition a segment.

        Args:
            batch_size: number of transitions B, at most `len(self)`.
            beta: exponent of the weights in [0, 1], or a schedule such as `LinearSchedule(0.4, 1.0, steps)`, which
                moves on by one step with the call.

        Returns:
            B tuples (state, action, reward, next_state, done); their indices, int64 of shape (B,), for
            `update_priority`; the weights (N P(i))^-beta over the largest of the batch, float32 of shape (B,).

        Raises:
            ValueError: fewer transitions are stored, or beta outside [0, 1].
            TypeError: batch_size is no int.
        """
        count = self._batch_size(batch_size, "batch_size")
        exponent = as_float(as_beta_schedule(beta, 0.0)(), "beta", 0.0, 1.0)
        # Shuffled, so that a part of the batch is no different from the rest.
        segments = self._rng.permutation(count)
        places = self._sums.find((segments + self._rng.random(count)) / count * self._sums.total)
        leaves = self._sums[places]
        weights = ((leaves.min() / leaves) ** exponent).astype(np.float32)
        return [self._items[place] for place in places.tolist()], places, weights

    def update_priority(self, index: Any, priority: Any) -> None:
        """Set the priority of a transition, or of several at once.

        Args:
            index: int, or ints of shape (B,), from `sample`; of equal ones the last priority counts.
            priority: positive number, or numbers of shape (B,), such as |TD error| + epsilon.

        Raises:
            ValueError: an index that holds no transition, a priority that is not finite and positive, or another
                length; nothing has changed then.
            TypeError: an index that is no int, a priority that is no number.
        """
        places = as_slots(index, self.capacity, "index")
        given = as_priorities(priority, places.size)
        empty = places[places >= len(self)]
        if empty.size:
            raise ValueError(f"index {empty[0]} holds no transition: the memory holds {len(self)}")
        self._set(places, given, as_leaves(given, self.alpha))

    def get_max_priority(self) -> float:
        """The largest priority so far, 1.0 at first: what a new transition is usually stored with."""
        return self._max_priority

    def _set(self, places: NDArray[np.int64], priorities: NDArray[np.float64], leaves: NDArray[np.float64]) -> None:
        self._sums.set(places, leaves)
        self._max_priority = max(self._max_priority, priorities.max(initial=0.0).item())
