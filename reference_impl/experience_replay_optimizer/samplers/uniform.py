"""Uniform sampling over slots: the baseline that prioritised sampling is measured against."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

import numpy as np

from .._generator import generator_state, restored_generator
from .._validate import as_count, as_finite, as_float, as_generator, as_slots
from ..schedules import as_beta_schedule

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from ..schedules import Schedule


class UniformSampler:
    """Draws every stored slot with the same probability, 1/N (Lin 1992; Mnih et al. 2015).

    It has the methods of `PrioritizedSampler`, so that one takes the other's place in a training loop, but no
    priorities: `update` checks its arguments and leaves the next draw as it is, all weights are 1, and `protect`
    refuses. `alpha` is 0 and `max_priority` 1. It holds 5 bytes a slot.

    Args:
        capacity: number of slots.
        replace: False draws the rows of a batch without replacement: no slot twice in one batch.
        seed: anything that `numpy.random.default_rng` takes.
        rng: a `numpy.random.Generator` to use, in place of `seed`.

    Raises:
        TypeError, ValueError: an argument of the wrong type or out of range.
    """

    alpha = 0.0
    epsilon = 0.0
    max_priority = 1.0
    preserves_rare = False
    rare_limit = 0

    # Whether a buffer draws from it.
    taken = False

    def __init__(
        self, capacity: int, *, replace: bool = True, seed: Any = None, rng: np.random.Generator | None = None
    ) -> None:
        self.capacity = as_count(capacity, "capacity")
        if not isinstance(replace, bool):
            raise TypeError(f"replace must be a bool, not {replace!r}")
        self.replace = replace
        self._beta = as_beta_schedule(0.0, 0.0)
        self._rng = as_generator(seed, rng)
        self._stored = np.zeros(self.capacity, np.bool_)
        # The stored slots in order of entry, in the first `_size` places.
        self._slots = np.zeros(self.capacity, np.int32 if self.capacity <= 2**31 else np.int64)
        self._size = 0

    def __len__(self) -> int:
        """Number of slots that hold a transition."""
        return self._size

    @property
    def beta(self) -> float:
        """May be assigned, a number or a schedule, as where weights depend on it; (N q)^-beta is 1 for every beta here.

        A schedule stays where it is: it has nothing to decide.
        """
        return self._beta.value

    @beta.setter
    def beta(self, value: float | Schedule | Callable[[], float]) -> None:
        self._beta = as_beta_schedule(value, 0.0)

    @property
    def protected(self) -> NDArray[np.int64]:
        """No slots, int64 of shape (0,)."""
        return np.empty(0, np.int64)

    def is_protected(self, slot: int) -> bool:
        """False."""
        del slot
        return False

    def are_protected(self, slots: NDArray[np.int64]) -> None:
        """None: none of `slots` is."""
        del slots

    def add(self, slot: Any, reward: Any = None, *, rare: Any = None) -> None:
        """A transition was stored in `slot`.

        Args:
            slot: int, or ints of shape (B,), in [0, capacity).
            reward: float, or floats of shape (B,); checked, and not used.
            rare: not used.

        Raises:
            ValueError: slot out of range, reward not finite or of another length; nothing has changed then.
            TypeError: slot or reward of the wrong type.
        """
        slots = as_slots(slot, self.capacity, "slot")
        if reward is not None:
            as_finite(reward, "reward", slots.size)
        self.add_many(slots, None, rare)

    def add_many(self, slots: NDArray[np.int64], rewards: Any, verdicts: Any, run: bool = False) -> None:
        """`add` without its checks, for callers that have made them: slots in range."""
        del rewards, verdicts, run
        new = slots[~self._stored[slots]]
        # Of equal slots the first one: one at a time they would enter in the same order.
        new = new[np.sort(np.unique(new, return_index=True)[1])]
        self._slots[self._size : self._size + new.size] = new
        self._stored[new] = True
        self._size += new.size

    def add_one(self, slot: int, reward: Any, verdict: Any) -> None:
        """`add` of one slot without its checks, for callers that have made them."""
        del reward, verdict
        if not self._stored[slot]:
            self._slots[self._size] = slot
            self._stored[slot] = True
            self._size += 1

    def sample(self, batch_size: int, beta: float | None = None) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Draw slots, with replacement unless the constructor said otherwise.

        Args:
            batch_size: number of slots B.
            beta: checked, and not used.

        Returns:
            Slots, int64 of shape (B,), in random order, and weights, float32 of shape (B,), all 1: both belong to the
            caller.

        Raises:
            ValueError: nothing stored yet, batch_size below 1 or, without replacement, above len; beta outside [0, 1].
            TypeError: batch_size is no int.
        """
        count = as_count(batch_size, "batch_size")
        if self._size == 0:
            raise ValueError("nothing to sample: no transition has been added yet")
        if beta is not None:
            as_float(beta, "beta", 0.0, 1.0)
        if self.replace:
            places = self._rng.integers(self._size, size=count)
        elif count <= self._size:
            places = self._rng.choice(self._size, count, replace=False)
        else:
            raise ValueError(f"batch_size is {count}, and replace=False draws from {self._size} transitions only once")
        return self._slots[places].astype(np.int64), np.ones(count, np.float32)

    def contains(self, slots: Any) -> NDArray[np.bool_]:
        """Whether each slot holds a transition, bool of shape (len(slots),)."""
        stored: NDArray[np.bool_] = self._stored[as_slots(slots, self.capacity)]
        return stored

    def probabilities(self, slots: Any, batch_size: int) -> NDArray[np.float64]:
        """The expected share of each slot in a batch of any size, float64 of shape (len(slots),)."""
        as_count(batch_size, "batch_size")
        return self.contains(slots) / max(self._size, 1)

    def update(self, indices: Any, td_errors: Any) -> None:
        """Check the arguments as `PrioritizedSampler.update` does. There are no priorities, so nothing changes.

        Args:
            indices: slots of shape (B,), as `sample` returned them.
            td_errors: shape (B,) or (B, 1).

        Raises:
            ValueError: another length, NaN or inf, a slot out of range or without a transition.
            TypeError: indices that are no integers.
        """
        slots = as_slots(indices, self.capacity)
        as_finite(td_errors, "td_errors", slots.size)
        empty = slots[~self._stored[slots]]
        if empty.size:
            raise ValueError(f"slot {int(empty[0])} holds no transition")

    def update_at_once(self, indices: Any, td_errors: Any, handles: Any, newest: int) -> None:
        """None: there is no faster way than `update`; see `PrioritizedSampler.update_at_once`."""
        del indices, td_errors, handles, newest

    def next_slot(self, slot: int) -> int:
        """The slot to write after `slot`, cyclically."""
        return (int(as_slots(operator.index(slot), self.capacity, "slot")[0]) + 1) % self.capacity

    def protect(self, slots: Any) -> None:
        """Refused. Raises ValueError."""
        raise ValueError(
            f"UniformSampler cannot protect slots {slots!r}: PrioritizedSampler(capacity, alpha=0.0, rare_fraction=0.0)"
            " draws uniformly and can"
        )

    def unprotect(self, slots: Any) -> None:
        """Check `slots`: none of them is protected."""
        as_slots(slots, self.capacity)

    def clear(self) -> None:
        """Forget all slots; the generator goes on."""
        self._stored.fill(False)
        self._size = 0

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Everything that decides what is drawn next: metadata that JSON can hold, and arrays."""
        return {"generator": generator_state(self._rng)}, {"slots": self._slots[: self._size].astype(np.int64)}

    def restore(self, meta: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> None:
        """Take over what `state` of a sampler with the same arguments returned."""
        self._rng = restored_generator(meta["generator"], self._rng)
        self.clear()
        self.add_many(arrays["slots"], None, None)
