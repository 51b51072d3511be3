"""Replay memories of any objects under short names: `ReplayMemory`, `PrioritizedReplayMemory`, `SumTree`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ._validate import as_count, as_finite, as_float, as_slots
from .samplers.proportional_index import ProportionalIndex
from .samplers.stratified import sample_stratified
from .schedules import as_beta_schedule

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from .schedules import Schedule


def as_priorities(value: Any, length: int) -> NDArray[np.float64]:
    """`length` finite and positive numbers as float64 of shape (length,). ValueError or TypeError otherwise."""
    given = as_finite(value, "priority", length)
    if given.size and given.min() <= 0.0:
        raise ValueError(
            f"priority must be positive, not {given.min():g}: what has it would never be drawn again; give"
            " abs(td_error) + epsilon"
        )
    return given


class SumTree:
    """Priorities of `capacity` places, their sum, and the place under a point of the cumulative sum.

    Updates and look-ups take O(log capacity). Priorities are kept as float32 and sums as float64 that are recomputed,
    never moved by differences, so that the sum does not drift; places without a priority are never found (Schaul et
    al. 2015, appendix B.2.1). Any capacity will do, a power of two or not.

    Args:
        capacity: number of places, all empty at first.

    Raises:
        TypeError, ValueError: a capacity that is no positive int.
    """

    def __init__(self, capacity: int) -> None:
        self.capacity = as_count(capacity, "capacity")
        self._index = ProportionalIndex(self.capacity, 1.0)

    def update(self, idx: int, priority: float) -> None:
        """Set the priority of place `idx` in [0, capacity).

        Raises:
            ValueError: an index out of range, or a priority that is not finite and positive; nothing has changed then.
            TypeError: an index that is no int, a priority that is no number.
        """
        slots = as_slots(idx, self.capacity, "idx")
        self._index.set(slots, as_priorities(priority, slots.size))

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
        point = as_float(value, "value", 0.0, total) / total
        slots = self._index.find(np.array([min(point, np.nextafter(1.0, 0.0))]))
        return int(slots[0]), float(self._index.tree[slots][0])

    def total_sum(self) -> float:
        """The sum of the priorities, 0.0 while none has been set."""
        return self._index.tree.total

    def priorities(self) -> NDArray[np.float64]:
        """The priority of each place, 0.0 where none has been set: float64 of shape (capacity,), a copy."""
        return self._index.tree[np.arange(self.capacity)]

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

    def _write(self, item: Any) -> None:
        self._items[self._next : self._next + 1] = [item]
        self._next = (self._next + 1) % self.capacity


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
        count = as_count(sample_size, "sample_size")
        if count > len(self):
            raise ValueError(f"sample_size is {count}, and the memory holds only {len(self)}")
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
        self._index = ProportionalIndex(self.capacity, self.alpha)
        self._max_priority = 1.0

    def store(
        self, state: Any, action: Any, reward: Any, next_state: Any, done: Any, priority: float | None = None
    ) -> None:
        """Store a transition, any objects, with its priority.

        Args:
            state, action, reward, next_state, done: the fields; `sample` returns the very objects.
            priority: positive, such as |TD error| + epsilon; None is `get_max_priority()`.

        Raises:
            ValueError: a priority that is not finite and positive, or whose power float32 cannot hold; nothing has
                changed then.
            TypeError: a priority that is no number.
        """
        given = as_priorities(self._max_priority if priority is None else priority, 1)
        self._set(np.array([self._next]), given)
        self._write((state, action, reward, next_state, done))

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
        exponent = as_beta_schedule(beta, 0.0)()
        places, weights = sample_stratified(self._index, len(self), batch_size, exponent, self._rng)
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
        self._set(places, given)

    def get_max_priority(self) -> float:
        """The largest priority so far, 1.0 at first: what a new transition is usually stored with."""
        return self._max_priority

    def _set(self, places: NDArray[np.int64], priorities: NDArray[np.float64]) -> None:
        self._index.set(places, priorities)
        self._max_priority = max(self._max_priority, float(priorities.max(initial=0.0)))
