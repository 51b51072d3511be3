"""Proportional prioritised sampling over slots, with a reserved share for rare events."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

import numpy as np

from .._validate import as_column, as_count, as_finite, as_float, as_generator, as_slots
from ..schedules import as_beta_schedule
from .min_tree import MinTree
from .rare_events import RareEventDetector
from .slot_set import SlotSet
from .sum_tree import SumTree

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from ..schedules import Schedule

# Leaves outside this range cannot be summed and divided in float64 without overflow or loss.
_SMALLEST_LEAF, _LARGEST_LEAF = 1e-140, 1e140
_NORMALISATIONS = ("batch", "buffer", None)


class PrioritizedSampler:
    """Draws slots with P(i) proportional to p_i^alpha, p_i = |TD error| + epsilon (Schaul et al. 2015, section 3.3).

    It knows nothing of what is stored: use it beside your own arrays, one slot a row.

    Rare events: a transition whose reward is far from the mean of the earlier ones is *protected* (`next_slot` skips
    it), and k = min(floor(rare_fraction * B), 2 |X|) rows of a batch of B are drawn from the protected set X, uniformly
    and with replacement; the other B - k come from all slots by priority. The weights are those of the mixture:
    q_i = (B - k)/B * p_i^alpha / sum p^alpha + k/B * 1[i in X]/|X|, w_i = (N q_i)^-beta, N the number of transitions.
    `rare_fraction=0` is textbook prioritised replay, where nothing is protected unless `protect` says so.

    Args:
        capacity: number of slots.
        alpha: exponent of the priorities, >= 0; 0 is uniform.
        beta: exponent of the weights in [0, 1], or a schedule such as `LinearSchedule(0.4, 1.0, steps)` that moves on
            by one step with each `sample()`.
        beta_increment: added to a constant `beta` with each `sample()` up to 1; not used when `beta` is a schedule.
        epsilon: added to |TD error| so that no transition is never drawn again; > 0.
        rare_fraction: share of a batch in [0, 1] reserved for rare events.
        rare_quota: protected share of the capacity in [0, 1), rounded down; the oldest protection ends first.
        is_rare: replaces the test; called with the reward, returns a bool.
        normalise: "batch" divides the weights by the largest of the batch (cheap, slightly biased: the divisor depends
            on the draw); "buffer" by the largest possible weight (N min q)^-beta (exact up to a constant); None leaves
            (N q)^-beta.
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
        is_rare: Callable[[float], bool] | None = None,
        normalise: str | None = "batch",
        seed: Any = None,
        rng: np.random.Generator | None = None,
    ) -> None:
        self.capacity = as_count(capacity, "capacity")
        self.alpha = as_float(alpha, "alpha", 0.0)
        self.epsilon = as_float(epsilon, "epsilon", 0.0)
        self.rare_fraction = as_float(rare_fraction, "rare_fraction", 0.0, 1.0)
        quota = as_float(rare_quota, "rare_quota", 0.0, 1.0)
        if self.epsilon == 0.0:
            raise ValueError("epsilon must be positive: a transition with TD error 0 would never be drawn again")
        if is_rare is not None and not callable(is_rare):
            raise TypeError(f"is_rare must be callable, not {is_rare!r}")
        if normalise not in _NORMALISATIONS:
            raise ValueError(f"normalise must be one of {_NORMALISATIONS}, not {normalise!r}")
        self.normalise = normalise
        self.beta_increment = beta_increment
        self._beta = as_beta_schedule(beta, beta_increment)
        self._is_rare = is_rare
        self._rng = as_generator(seed, rng)
        # 0.29 * 100 is 28.999...: a quota that is whole but for rounding is meant whole. One slot stays writable.
        self._rare = SlotSet(self.capacity, min(int(quota * self.capacity + 1e-9), self.capacity - 1))
        self._tree = SumTree(self.capacity)
        self._minima: list[MinTree] = []
        if normalise == "buffer":
            self._minima = [MinTree(self.capacity) for _ in range(2 ** len(self._strata()))]
        self._start()
        self._leaves(np.array([self.epsilon]))  # refuses an alpha that makes leaves of epsilon vanish

    def _start(self) -> None:
        self._detector = RareEventDetector()
        self._max_priority = 1.0
        self._size = 0

    def __len__(self) -> int:
        """Number of slots that hold a transition."""
        return self._size

    @property
    def beta(self) -> float:
        """Exponent of the next weights. Assigning replaces the schedule; `beta_increment` still applies to numbers."""
        return self._beta.value

    @beta.setter
    def beta(self, value: float | Schedule | Callable[[], float]) -> None:
        self._beta = as_beta_schedule(value, self.beta_increment)

    @property
    def max_priority(self) -> float:
        """Largest |TD error| + epsilon so far, 1 at first: the priority of new transitions (Algorithm 1, line 6)."""
        return self._max_priority

    @property
    def protected(self) -> NDArray[np.int64]:
        """The protected slots, oldest protection first; a copy."""
        return self._rare.slots()

    @property
    def preserves_rare(self) -> bool:
        """Whether rare events are looked for: `rare_fraction` and the quota are both above 0."""
        return self.rare_fraction > 0.0 and self._rare.limit > 0

    def add(self, slot: Any, reward: Any = None, *, rare: Any = None) -> None:
        """A transition was stored in `slot`: it gets the maximum priority, and its reward is tested.

        Args:
            slot: int, or ints of shape (B,), in [0, capacity); what a slot held before is forgotten.
            reward: float, or floats of shape (B,); without it the transition is not tested.
            rare: bool, or bools of shape (B,): True protects and False does not, without a test.

        Raises:
            ValueError: slot out of range, reward not finite or of another length; nothing has changed then.
            TypeError: slot or reward of the wrong type.
        """
        slots = as_slots(slot, self.capacity, "slot")
        rewards = None if reward is None else as_finite(reward, "reward", slots.size).tolist()
        if self.preserves_rare:
            verdicts = self._verdicts(rewards, rare, slots.size)
        empty = slots[self._tree[slots] == 0.0]
        self._size += empty.size if empty.size < 2 else np.unique(empty).size
        self._tree.set(slots, self._max_priority**self.alpha)
        changed = []
        for at, one in enumerate(slots.tolist()):
            self._rare.discard(one)  # the protection was of the transition that is gone
            changed.extend(self._enter_strata(one))
            if self.preserves_rare:
                self._detector.forget(one)
                changed.extend(self._protect_if_rare(one, None if rewards is None else rewards[at], verdicts[at]))
        self._update_minima(slots, changed)

    def _verdicts(self, rewards: list[float] | None, rare: Any, count: int) -> list[bool | None]:
        if rare is not None:
            given: list[bool | None] = as_column(rare, "rare").astype(bool).tolist()
            if len(given) not in (1, count):
                raise ValueError(f"rare has {len(given)} values, expected {count}")
            return given * count if len(given) == 1 else given
        if self._is_rare is not None and rewards is not None:
            return [bool(self._is_rare(reward)) for reward in rewards]
        return [None] * count

    def _protect_if_rare(self, slot: int, reward: float | None, verdict: bool | None) -> list[int]:
        """Slots whose protection changed."""
        found = [] if reward is None else self._detector.observe(slot, reward, judge=verdict is None)
        if verdict:
            found.append(slot)
        return found + [leaver for leaver in map(self._rare.add, found) if leaver >= 0]

    def _enter_strata(self, slot: int) -> list[int]:
        """Hook for strata that every new transition enters. Returns the slots that left one."""
        del slot
        return []

    def sample(self, batch_size: int, beta: float | None = None) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Draw slots with replacement.

        Args:
            batch_size: number of slots B.
            beta: exponent for this batch alone; the schedule then stays where it is.

        Returns:
            Slots, int64 of shape (B,), in random order, and importance-sampling weights, float32 of shape (B,): both
            belong to the caller.

        Raises:
            ValueError: nothing stored yet, batch_size below 1 or beta outside [0, 1].
            TypeError: batch_size is no int.
        """
        count = as_count(batch_size, "batch_size")
        if self._size == 0:
            raise ValueError("nothing to sample: no transition has been added yet")
        exponent = as_float(self._beta() if beta is None else beta, "beta", 0.0, 1.0)
        shares = self._shares(count)
        by_priority = count - sum(shares)
        parts = [self._tree.find(self._rng.random(by_priority) * self._tree.total)]
        parts += [stratum.draw(share, self._rng) for stratum, share in zip(self._strata(), shares) if share]  # noqa: B905
        slots = np.concatenate(parts)
        if len(parts) > 1:
            self._rng.shuffle(slots)  # so that a part of the batch is no different from the rest
        return slots, self._weights(slots, shares, exponent)

    def contains(self, slots: Any) -> NDArray[np.bool_]:
        """Whether each slot holds a transition, bool of shape (len(slots),)."""
        stored: NDArray[np.bool_] = self._tree[as_slots(slots, self.capacity)] > 0.0
        return stored

    def probabilities(self, slots: Any, batch_size: int) -> NDArray[np.float64]:
        """q_i: the expected share of each slot in a batch of `batch_size` drawn now, float64 of shape (len(slots),)."""
        slots = as_slots(slots, self.capacity)
        if self._size == 0:
            return np.zeros(slots.size)
        count = as_count(batch_size, "batch_size")
        return self._mixture(slots, self._shares(count), count)

    def update(self, indices: Any, td_errors: Any) -> None:
        """Set priorities to |TD error| + epsilon (Algorithm 1, line 12).

        Args:
            indices: slots of shape (B,), as `sample` returned them; of equal slots the last TD error counts.
            td_errors: shape (B,) or (B, 1), signed or absolute; numpy, tensors and lists are taken.

        Raises:
            ValueError: another length, NaN or inf, a slot out of range or without a transition; nothing has changed
                then.
            TypeError: indices that are no integers.
        """
        slots = as_slots(indices, self.capacity)
        priorities = np.abs(as_finite(td_errors, "td_errors", slots.size)) + self.epsilon
        if slots.size == 0:
            return
        self._require_stored(slots)
        self._tree.set(slots, self._leaves(priorities))
        self._max_priority = max(self._max_priority, float(priorities.max()))
        self._update_minima(slots, [])

    def next_slot(self, slot: int) -> int:
        """The slot to write after `slot`: the next one, cyclically, that is not protected."""
        after = int(as_slots(operator.index(slot), self.capacity, "slot")[0])
        for _ in range(self.capacity):
            after = (after + 1) % self.capacity
            if after not in self._rare:
                break
        return after

    def protect(self, slots: Any) -> None:
        """Protect stored transitions, oldest protection giving way beyond the quota; they join the rare share.

        Raises:
            ValueError: a slot out of range or without a transition; nothing has changed then.
        """
        slots = as_slots(slots, self.capacity)
        self._require_stored(slots)
        leavers = [self._rare.add(slot) for slot in slots.tolist()]
        self._update_minima(slots, [slot for slot in leavers if slot >= 0])

    def unprotect(self, slots: Any) -> None:
        """End the protection of `slots`; those that have none are passed over."""
        slots = as_slots(slots, self.capacity)
        for slot in slots.tolist():
            self._rare.discard(slot)
        self._update_minima(slots, [])

    def clear(self) -> None:
        """Forget all slots, priorities, protections and moments; the beta schedule and the generator go on."""
        self._tree.clear()
        for tree in self._minima:
            tree.clear()
        for stratum in self._strata():
            stratum.clear()
        self._start()

    def _strata(self) -> tuple[SlotSet, ...]:
        """Index sets that have a share of the batch beside the prioritised one."""
        return (self._rare,)

    def _shares(self, batch_size: int) -> tuple[int, ...]:
        """Rows of the batch for each stratum; an empty one has none, and its rows fall to the prioritised draw."""
        # At most twice the size: a few rare events must not crowd a large batch with copies of themselves.
        # At least one row by priority: every transition keeps a positive probability, so the weights can correct.
        return (min(int(self.rare_fraction * batch_size + 1e-9), 2 * len(self._rare), batch_size - 1),)

    def _mixture(self, slots: NDArray[np.int64], shares: tuple[int, ...], batch_size: int) -> NDArray[np.float64]:
        density = self._tree[slots] * ((batch_size - sum(shares)) / batch_size / self._tree.total)
        for stratum, share in zip(self._strata(), shares):  # noqa: B905
            if share:
                density += stratum.contains(slots) * (share / batch_size / len(stratum))
        return density

    def _smallest_density(self, shares: tuple[int, ...], batch_size: int) -> float:
        """Exact minimum of q over all stored slots: within one combination of strata, the least priority has it."""
        smallest = np.inf
        for code, tree in enumerate(self._minima):
            if tree.minimum == np.inf:  # no transition has this combination
                continue
            density = tree.minimum * ((batch_size - sum(shares)) / batch_size / self._tree.total)
            for bit, (stratum, share) in enumerate(zip(self._strata(), shares)):  # noqa: B905
                if share and code >> bit & 1:
                    density += share / batch_size / len(stratum)
            smallest = min(smallest, density)
        return float(smallest)

    def _weights(self, slots: NDArray[np.int64], shares: tuple[int, ...], beta: float) -> NDArray[np.float32]:
        density = self._mixture(slots, shares, slots.size)
        if self.normalise is None:
            weights = (self._size * density) ** -beta
            return np.asarray(np.minimum(weights, np.finfo(np.float32).max), np.float32)
        # (q_min / q)^beta is the quotient of the two weights, and cannot overflow.
        smallest = density.min() if self.normalise == "batch" else self._smallest_density(shares, slots.size)
        return np.asarray((smallest / density) ** beta, np.float32)

    def _update_minima(self, slots: NDArray[np.int64], others: list[int]) -> None:
        if not self._minima:
            return
        slots = np.concatenate([slots, np.asarray(others, np.int64)])
        leaves = self._tree[slots]
        code = np.zeros(slots.size, np.int64)
        for bit, stratum in enumerate(self._strata()):
            code += stratum.contains(slots) * (1 << bit)
        for combination, tree in enumerate(self._minima):
            tree.set(slots, np.where((code == combination) & (leaves > 0.0), leaves, np.inf))

    def _leaves(self, priorities: NDArray[np.float64]) -> NDArray[np.float64]:
        with np.errstate(over="ignore", under="ignore"):
            leaves: NDArray[np.float64] = priorities**self.alpha
        if not (leaves.min() >= _SMALLEST_LEAF and leaves.max() <= _LARGEST_LEAF):
            raise ValueError(
                f"(|TD error| + epsilon)^alpha is between {leaves.min():g} and {leaves.max():g}, and float64 cannot sum"
                f" that: the TD errors have diverged, or alpha={self.alpha:g} is too large"
            )
        return leaves

    def _require_stored(self, slots: NDArray[np.int64]) -> None:
        missing = slots[self._tree[slots] == 0.0]
        if missing.size:
            raise ValueError(f"slot {int(missing[0])} holds no transition")
