"""Proportional prioritised sampling over slots, with a reserved share for rare events."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

import numpy as np

from .._generator import generator_state, restored_generator
from .._validate import as_column, as_count, as_finite, as_float, as_generator, as_slots
from ..schedules import as_beta_schedule, restored_schedule, schedule_state
from .mixture import density
from .proportional_index import ProportionalIndex
from .rare_events import RareEventDetector
from .slot_set import SlotSet
from .smallest import SmallestDensity
from .sum_tree import is_run

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from ..schedules import Schedule

_NORMALISATIONS = ("batch", "buffer", None)
_DRAWS = ("iid", "stratified")


class PrioritizedSampler:
    """Draws slots with P(i) proportional to p_i^alpha, p_i = |TD error| + epsilon (Schaul et al. 2015, section 3.3).

    It knows nothing of what is stored: use it beside your own arrays, one slot a row.

    Rare events: a transition whose reward is far from the mean of the earlier ones is *protected* (`next_slot` skips
    it), and k = min(floor(rare_fraction * B), 2 |X|) rows of a batch of B are drawn from the protected set X, uniformly
    and with replacement; the other B - k come from all slots by priority. The weights are those of the mixture:
    q_i = (B - k)/B * p_i^alpha / sum p^alpha + k/B * 1[i in X]/|X|, w_i = (N q_i)^-beta, N the number of transitions.
    `rare_fraction=0` is textbook prioritised replay, where nothing is protected unless `protect` says so.

    Not for several threads at once; the buffers are.

    Args:
        capacity: number of slots.
        alpha: exponent of the priorities, >= 0; 0 is uniform.
        beta: exponent of the weights in [0, 1], or a schedule such as `LinearSchedule(0.4, 1.0, steps)` that moves on
            by one step with each `sample()`.
        beta_increment: added to a constant `beta` with each `sample()` up to 1; not used when `beta` is a schedule.
        epsilon: added to |TD error| so that no transition is never drawn again; > 0.
        rare_fraction: share of a batch in [0, 1] reserved for rare events.
        rare_quota: protected share of the capacity in [0, 1], rounded down, and one slot at least stays writable; the
            oldest protection ends first.
        is_rare: replaces the test; called with the reward, returns a bool.
        draws: "iid" draws each row independently; "stratified" cuts the cumulative sum into one segment a row and draws
            one row from each (appendix B.2.1): the same probabilities and weights with less variance.
        normalise: "batch" divides the weights by the largest of the batch (cheap, slightly biased: the divisor depends
            on the draw); "buffer" by the largest possible weight (N min q)^-beta (exact up to a constant); None leaves
            (N q)^-beta.
        seed: anything that `numpy.random.default_rng` takes.
        rng: a `numpy.random.Generator` to use, in place of `seed`.

    Raises:
        TypeError, ValueError: an argument of the wrong type or out of range.
    """

    # Whether a buffer draws from it.
    taken = False

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
        draws: str = "iid",
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
        if draws not in _DRAWS:
            raise ValueError(f"draws must be one of {_DRAWS}, not {draws!r}")
        if normalise not in _NORMALISATIONS:
            raise ValueError(f"normalise must be one of {_NORMALISATIONS}, not {normalise!r}")
        self.draws = draws
        self.normalise = normalise
        self.beta_increment = beta_increment
        self._beta = as_beta_schedule(beta, beta_increment)
        self._is_rare = is_rare
        self._rng = as_generator(seed, rng)
        # 0.29 * 100 is 28.999...: a quota that is whole but for rounding is meant whole. One slot stays writable.
        self._rare = SlotSet(self.capacity, min(int(quota * self.capacity + 1e-9), self.capacity - 1))
        self._index: Any = self._make_index()
        self._smallest: Any = self._make_smallest() if normalise == "buffer" else None
        self.preserves_rare = self.rare_fraction > 0.0 and self._rare.limit > 0
        self._tracks = self.preserves_rare or len(self._strata()) > 1
        self._start()

    # |TD error| counts as at least this much.
    _floor = 0.0

    def _make_index(self) -> Any:
        """The law of the prioritised share."""
        index = ProportionalIndex(self.capacity, self.alpha)
        index.leaves_of(np.array([self.epsilon]))  # refuses an alpha that makes leaves of epsilon vanish
        return index

    def _make_smallest(self) -> Any:
        """The least q of all stored slots, for weights divided by the largest of the buffer."""
        return SmallestDensity(self.capacity, self._index, self._strata())

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
        rewards = None if reward is None else as_finite(reward, "reward", slots.size)
        verdicts = None if rare is None else self._given_verdicts(rare, slots.size)
        self.add_many(slots, rewards, verdicts, is_run(slots))

    def _given_verdicts(self, rare: Any, count: int) -> list[bool | None]:
        flags = as_column(rare, "rare")
        if flags.size not in (1, count):
            raise ValueError(f"rare has {flags.size} values, expected {count}")
        if flags.dtype.kind not in "biuf" or not ((flags == 0) | (flags == 1)).all():
            raise ValueError(f"rare must be true or false, not {rare!r}")
        verdicts: list[bool | None] = np.broadcast_to(flags.astype(bool), count).tolist()
        return verdicts

    def add_many(
        self,
        slots: NDArray[np.int64],
        rewards: NDArray[np.float64] | None,
        verdicts: list[bool | None] | None,
        run: bool,
    ) -> None:
        """`add` without its checks, for callers that have made them: slots in range and finite rewards.

        Args:
            slots, rewards: as in `add`.
            verdicts: for each slot whether it is rare, None where that is to be tested; None where all are.
            run: whether each slot is the one before plus 1.
        """
        if verdicts is None and rewards is not None and self._is_rare is not None and self.preserves_rare:
            verdicts = [bool(self._is_rare(reward)) for reward in rewards.tolist()]
        self._size += self._index.put_many(slots, self._max_priority, run)
        changed: list[int] = []
        if self._tracks or self._rare.size:
            changed = self._enter_many(slots, rewards, verdicts)
        if self._smallest is not None:
            self._smallest.update([*slots.tolist(), *changed])

    def _enter_many(
        self, slots: NDArray[np.int64], rewards: NDArray[np.float64] | None, verdicts: list[bool | None] | None
    ) -> list[int]:
        """`_enter` for each slot; the rewards are judged at once where nothing else is to be asked."""
        for slot in slots[self._rare.contains(slots)].tolist() if self._rare.size else ():
            self._rare.discard(slot)  # the protection was of the transition that is gone
        if not self.preserves_rare or (rewards is None and verdicts is None):
            return []
        if verdicts is None and rewards is not None and self._detector.ready:
            found = self._detector.observe_many(rewards)
            return [] if found is None else self._protect(slots[found].tolist())
        changed: list[int] = []
        for at, slot in enumerate(slots.tolist()):
            reward = None if rewards is None else float(rewards[at])
            changed += PrioritizedSampler._enter(self, slot, reward, None if verdicts is None else verdicts[at])
        return changed

    def _protect(self, slots: list[int]) -> list[int]:
        """Enter `slots` into the protected set. Returns them and those that had to leave it."""
        return [*slots, *(leaver for leaver in map(self._rare.add, slots) if leaver >= 0)]

    def add_one(self, slot: int, reward: float | None, verdict: bool | None) -> None:
        """`add` of one slot without its checks, for callers that have made them."""
        if verdict is None and reward is not None and self._is_rare is not None and self.preserves_rare:
            verdict = bool(self._is_rare(reward))
        if self._index.put(slot, self._max_priority):
            self._size += 1
        changed: list[int] = []
        if self._tracks or self._rare.size:
            changed = self._enter(slot, reward, verdict)
        if self._smallest is not None:
            self._smallest.update([slot, *changed])

    def _enter(self, slot: int, reward: float | None, verdict: bool | None) -> list[int]:
        """A new transition is in `slot`: what that means for the sets. Returns slots whose membership changed."""
        if slot in self._rare:
            self._rare.discard(slot)  # the protection was of the transition that is gone
        if not self.preserves_rare or (verdict is None and reward is not None and self._detector.pass_by(reward)):
            return []
        self._detector.forget(slot)
        found = [] if reward is None else self._detector.observe(slot, reward, judge=verdict is None)
        return self._protect([*found, slot] if verdict else found)

    def sample(self, batch_size: int, beta: float | None = None) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Draw slots with replacement.

        Args:
            batch_size: number of slots B.
            beta: exponent for this batch alone; the schedule then stays where it is.

        Returns:
            Slots, int64 of shape (B,), and importance-sampling weights, float32 of shape (B,): both belong to the
            caller. Rows of one kind are as good as any other: they come in random order, or, where draws are
            stratified and nothing is rare, in the order of the segments.

        Raises:
            ValueError: nothing stored yet, batch_size below 1 or beta outside [0, 1].
            TypeError: batch_size is no int.
        """
        count = batch_size if type(batch_size) is int and batch_size > 0 else as_count(batch_size, "batch_size")
        if self._size == 0:
            raise ValueError("nothing to sample: no transition has been added yet")
        exponent = self._beta() if beta is None else beta
        if type(exponent) is not float or not 0.0 <= exponent <= 1.0:
            exponent = as_float(exponent, "beta", 0.0, 1.0)
        shares: tuple[int, ...] = ()
        others = 0
        if self._tracks or self._rare.size:
            shares = self._shares(count)
            others = sum(shares)
        points, keys = self._rng.random(count + others), None
        if others:
            points, keys = points[:count], points[count:]
        if self.draws == "stratified":
            rows = count - others
            points[:rows] = np.minimum((np.arange(rows) + points[:rows]) / rows, np.nextafter(1.0, 0.0))
        smallest = 0.0 if self._smallest is None else self._smallest.value(shares, count)
        drawn: tuple[NDArray[np.int64], NDArray[np.float32]] = self._index.sample(
            points, keys, self._strata(), shares, self._size, smallest, exponent, self.normalise
        )
        return drawn

    def contains(self, slots: Any) -> NDArray[np.bool_]:
        """Whether each slot holds a transition, bool of shape (len(slots),). ValueError for one out of range."""
        stored: NDArray[np.bool_] = self._index.contains(as_slots(slots, self.capacity))
        return stored

    def probabilities(self, slots: Any, batch_size: int) -> NDArray[np.float64]:
        """q_i: the expected share of each slot in a batch of `batch_size` drawn now, float64 of shape (len(slots),).

        Over all slots they sum to 1; 0 for an empty one.

        Raises:
            ValueError: a slot out of range, or batch_size below 1.
        """
        slots = as_slots(slots, self.capacity)
        if self._size == 0:
            return np.zeros(slots.size)
        count = as_count(batch_size, "batch_size")
        return density(self._index, slots, self._strata(), self._shares(count), count)

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
        if self.update_at_once(indices, td_errors, None, 0) is not None:
            return
        slots = as_slots(indices, self.capacity)
        errors = as_finite(td_errors, "td_errors", slots.size)
        if slots.size == 0:
            return
        self._require_stored(slots)
        priorities = np.maximum(np.abs(errors), self._floor) + self.epsilon
        self._index.set(slots, priorities)
        self._max_priority = max(self._max_priority, float(priorities.max()))
        if self._smallest is not None:
            self._smallest.update(slots)

    def update_at_once(
        self, indices: Any, td_errors: Any, handles: NDArray[np.int64] | None, newest: int
    ) -> int | None:
        """`update` in one compiled call, where the arguments allow it; see `ProportionalIndex.update_at_once`.

        Returns:
            How many of the indices were stale; None where nothing was done and the slow way is to be gone.
        """
        if self._smallest is not None:
            return None
        done = self._index.update_at_once(indices, td_errors, self.epsilon, self._floor, handles, newest)
        if done is None:
            return None
        largest, stale = done
        if largest > self._max_priority:
            self._max_priority = largest
        return int(stale)

    def next_slot(self, slot: int) -> int:
        """The slot to write after `slot`: the next one, cyclically, that is not protected. ValueError out of range."""
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
        if self._smallest is not None:
            self._smallest.update([*slots.tolist(), *(slot for slot in leavers if slot >= 0)])

    def unprotect(self, slots: Any) -> None:
        """End the protection of `slots`; those that have none are passed over. ValueError for one out of range."""
        slots = as_slots(slots, self.capacity)
        for slot in slots.tolist():
            self._rare.discard(slot)
        if self._smallest is not None:
            self._smallest.update(slots)

    @property
    def rare_limit(self) -> int:
        """How many transitions are protected at most."""
        return self._rare.limit

    def is_protected(self, slot: int) -> bool:
        """Whether `slot` is protected."""
        return self._rare.size > 0 and slot in self._rare

    def are_protected(self, slots: NDArray[np.int64]) -> NDArray[np.bool_] | None:
        """Which of `slots` are protected, shape (B,); None where none is."""
        if not self._rare.size:
            return None
        protected = self._rare.contains(slots)
        return protected if protected.any() else None

    def move(self, slot: int, other: int) -> None:
        """The protected transition of `slot` now lies in `other`, which holds nothing that is protected."""
        if not self._index.contains(np.array([other]))[0]:
            self._size += 1
        self._index.move(slot, other)
        self._size -= 1
        self._rare.replace(slot, other)
        self._detector.forget(other)
        if self._smallest is not None:
            self._smallest.update([slot, other])

    def clear(self) -> None:
        """Forget all slots, priorities, protections and moments; the beta schedule and the generator go on."""
        self._index.clear()
        for stratum in self._strata():
            stratum.clear()
        if self._smallest is not None:
            self._smallest.rebuild()
        self._start()

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Everything that decides what is drawn next: metadata that JSON can hold, and arrays."""
        meta = {
            "size": self._size,
            "max_priority": self._max_priority,
            "beta": schedule_state(self._beta),
            "detector": self._detector.state(),
            "generator": generator_state(self._rng),
        }
        arrays = {f"set{at}": stratum.slots() for at, stratum in enumerate(self._strata())}
        return meta, {**self._index.state(), **arrays}

    def restore(self, meta: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> None:
        """Take over what `state` of a sampler with the same arguments returned."""
        self._size, self._max_priority = meta["size"], meta["max_priority"]
        self._beta = restored_schedule(meta["beta"], self._beta)
        self._detector.restore(meta["detector"])
        self._rng = restored_generator(meta["generator"], self._rng)
        self._index.restore(arrays)
        for at, stratum in enumerate(self._strata()):
            stratum.restore(as_slots(arrays[f"set{at}"], self.capacity, f"set{at}"))
        if self._smallest is not None:
            self._smallest.rebuild()

    def _strata(self) -> tuple[SlotSet, ...]:
        """Index sets that have a share of the batch beside the prioritised one."""
        return (self._rare,)

    def _shares(self, batch_size: int) -> tuple[int, ...]:
        """Rows of the batch for each stratum; an empty one has none, and its rows fall to the prioritised draw."""
        # At most twice the size: a few rare events must not crowd a large batch with copies of themselves.
        # At least one row by priority: every transition keeps a positive probability, so the weights can correct.
        return (min(int(self.rare_fraction * batch_size + 1e-9), 2 * self._rare.size, batch_size - 1),)

    def _require_stored(self, slots: NDArray[np.int64]) -> None:
        missing = slots[~self._index.contains(slots)]
        if missing.size:
            raise ValueError(f"slot {int(missing[0])} holds no transition")
