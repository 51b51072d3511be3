"""Proportional prioritised sampling in torch, on the device where the learner is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from .._validate import as_count, as_finite, as_float, as_slots
from ..schedules import as_beta_schedule, restored_schedule, schedule_state

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from ..schedules import Schedule

# Leaves in one block. A draw scans the block sums once and one block a row, so few kernels do at any capacity.
_BLOCK = 128
# Leaves outside this range cannot be summed and divided in float64 without overflow or loss.
_SMALLEST_LEAF, _LARGEST_LEAF = 1e-140, 1e140
_NORMALISATIONS = ("batch", "buffer", None)
_DRAWS = ("iid", "stratified")


class DevicePrioritizedSampler:
    """`PrioritizedSampler` with its priorities on a torch device; textbook PER (Schaul et al. 2015, section 3.3).

    Slots are drawn with P(i) = p_i^alpha / sum p^alpha, p_i = |TD error| + epsilon, with replacement; the weights are
    (N P(i))^-beta. The law, the weights and the names are those of `PrioritizedSampler(rare_fraction=0)`: rare events
    and protection are not offered here.

    Two levels: leaves p^alpha, and the sums of blocks of them, which are recomputed from the leaves, never updated by
    differences. All in float64: a float32 random number has too few bits to reach a million slots evenly. Memory is
    16 bytes a slot.

    On CUDA nothing waits for the device in `add` and `sample`. Tensors given to `add` and `update` are looked at for
    errors, which waits once a call; `check=False` does not wait: a row that would have been refused (NaN, a slot out of
    range or empty) then changes nothing and is counted in `dropped`. It never reaches the priorities either way.
    `len`, `max_priority` and `dropped` wait. CUDA's running sums are not bit for bit the same from run to run: a
    draw at the very edge between two slots may go either way, and `torch.use_deterministic_algorithms` refuses them.

    Args:
        capacity: number of slots.
        alpha: exponent of the priorities, >= 0; 0 is uniform.
        beta: exponent of the weights in [0, 1], or a schedule such as `LinearSchedule(0.4, 1.0, steps)`.
        beta_increment: added to a constant `beta` with each `sample()` up to 1; not used when `beta` is a schedule.
        epsilon: added to |TD error|; > 0.
        normalise: "batch", "buffer" or None, see `PrioritizedSampler`.
        draws: "iid" or "stratified", see `PrioritizedSampler`.
        check: whether tensors on CUDA are checked at the price of a wait; on the CPU they always are.
        device: where the tensors live, a device with float64: "cpu", "cuda", "cuda:1".
        seed: int for the random generator, or None.
        rng: a `torch.Generator` on that device to use, in place of `seed`.

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
        normalise: str | None = "batch",
        draws: str = "iid",
        check: bool = True,
        device: Any = "cpu",
        seed: int | None = None,
        rng: torch.Generator | None = None,
    ) -> None:
        self.capacity = as_count(capacity, "capacity")
        self.alpha = as_float(alpha, "alpha", 0.0)
        self.epsilon = as_float(epsilon, "epsilon", 0.0)
        if self.epsilon == 0.0:
            raise ValueError("epsilon must be positive: a transition with TD error 0 would never be drawn again")
        if self.epsilon**self.alpha < _SMALLEST_LEAF:
            raise ValueError(f"epsilon={epsilon:g} to the power of alpha={alpha:g} is too small for float64 sums")
        if normalise not in _NORMALISATIONS:
            raise ValueError(f"normalise must be one of {_NORMALISATIONS}, not {normalise!r}")
        if draws not in _DRAWS:
            raise ValueError(f"draws must be one of {_DRAWS}, not {draws!r}")
        self.normalise = normalise
        self.draws = draws
        self.beta_increment = beta_increment
        self._beta = as_beta_schedule(beta, beta_increment)
        blocks = -(-self.capacity // _BLOCK)
        self._leaves = torch.zeros(blocks, _BLOCK, dtype=torch.float64, device=device)
        self.device = self._leaves.device
        self.check = check or self.device.type == "cpu"
        self._rng = _as_generator(seed, rng, self.device)
        self._sums = self._leaves.new_zeros(blocks)
        self._minima = self._leaves.new_full((blocks,), torch.inf)
        self._last_row = torch.zeros(self.capacity, dtype=torch.int64, device=device)
        self._highest = self._leaves.new_ones(())
        self._size = torch.zeros((), dtype=torch.int64, device=device)
        self._dropped = torch.zeros_like(self._size)
        self._empty = True

    def __len__(self) -> int:
        """Number of slots that hold a transition."""
        return int(self._size)

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
        return float(self._highest)

    @property
    def dropped(self) -> int:
        """Rows that would have been refused and were left out instead, where `check` is off."""
        return int(self._dropped)

    def add(self, slot: Any) -> None:
        """Transitions were stored in slots: they get the maximum priority.

        Args:
            slot: int, or ints of shape (B,), in [0, capacity).

        Raises:
            ValueError: slot out of range; nothing has changed then.
            TypeError: slot of the wrong type.
        """
        slots, inside = self._as_slots(slot, "slot")
        if self.check and not inside.all():
            self._refuse_slots(slots, inside, "slot")
        self._dropped += (~inside).sum()
        self._enter(torch.where(inside, slots, 0), inside)

    def enter(self, slots: Tensor) -> None:
        """`add` for slots that are known to be right, without a look at them: int64, on the device, in range."""
        self._enter(slots, torch.ones_like(slots, dtype=torch.bool))

    def sample(self, batch_size: int, beta: float | None = None) -> tuple[Tensor, Tensor]:
        """Draw slots with replacement.

        Args:
            batch_size: number of slots B.
            beta: exponent for this batch alone; the schedule then stays where it is.

        Returns:
            Slots, int64 of shape (B,), and importance-sampling weights, float32 of shape (B,), on the device.

        Raises:
            ValueError: nothing stored yet, batch_size below 1 or beta outside [0, 1].
            TypeError: batch_size is no int.
        """
        count = as_count(batch_size, "batch_size")
        if self._empty:
            raise ValueError("nothing to sample: no transition has been added yet")
        exponent = as_float(self._beta() if beta is None else beta, "beta", 0.0, 1.0)
        running = _running_sums(self._sums)
        total = running[-1]
        points = torch.rand(count, dtype=torch.float64, device=self.device, generator=self._rng)
        if self.draws == "stratified":
            points = (points + torch.arange(count, device=self.device)) / count
        points *= total
        blocks = _find(running, points)
        rests = points - torch.nn.functional.pad(running, (1, 0))[blocks]
        within = _find(_running_sums(self._leaves[blocks]), rests[:, None])[:, 0]
        slots = blocks * _BLOCK + within
        return slots, self._weights(self._flat[slots] / total, total, exponent)

    def update(self, indices: Any, td_errors: Any, *, where: Tensor | None = None) -> None:
        """Set priorities to |TD error| + epsilon (Algorithm 1, line 12).

        Args:
            indices: slots of shape (B,), as `sample` returned them; of equal slots the last TD error counts.
            td_errors: shape (B,) or (B, 1), signed or absolute; tensors, numpy arrays and lists are taken.
            where: bools of shape (B,) on the device: rows that count; the others change nothing.

        Raises:
            ValueError: another length, NaN or inf, a slot out of range or without a transition; nothing has changed
                then (with `check` off only another length is).
            TypeError: indices that are no integers.
        """
        slots, inside = self._as_slots(indices, "indices")
        errors = self._as_errors(td_errors, slots.shape[0])
        if not slots.shape[0]:
            return
        counts = torch.ones_like(inside) if where is None else where
        slots = torch.where(inside, slots, 0)
        priorities = errors.abs() + self.epsilon
        leaves = priorities**self.alpha
        good = inside & (self._flat[slots] > 0.0) & priorities.isfinite()
        good &= (leaves >= _SMALLEST_LEAF) & (leaves <= _LARGEST_LEAF)
        bad = counts & ~good
        if self.check and bad.any():
            self._refuse_update(indices, slots[bad], inside[bad], errors[bad])
        good &= counts
        self._dropped += bad.sum()
        self._highest = torch.maximum(self._highest, torch.where(good, priorities, 0.0).amax())
        self._scatter(slots, leaves, good)

    def probabilities(self, slots: Any, batch_size: int = 1) -> Tensor:
        """P(i) of each slot, float64 of shape (len(slots),), 0 for empty ones; `batch_size` makes no difference."""
        as_count(batch_size, "batch_size")
        leaves = self._lookup(slots)
        return leaves if self._empty else leaves / self._sums.sum()

    def contains(self, slots: Any) -> Tensor:
        """Whether each slot holds a transition, bool of shape (len(slots),)."""
        return self._lookup(slots) > 0.0

    def clear(self) -> None:
        """Forget all slots and priorities; the beta schedule and the generator go on."""
        self._leaves.zero_()
        self._sums.zero_()
        self._minima.fill_(torch.inf)
        self._highest.fill_(1.0)
        self._size.zero_()
        self._empty = True

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[np.generic]]]:
        """Everything but the arguments of the constructor: metadata that JSON can hold, and arrays."""
        meta = {"max_priority": self.max_priority, "beta": schedule_state(self._beta), "device": self.device.type}
        arrays = {"leaves": self._flat[: self.capacity].cpu().numpy(), "generator": self._rng.get_state().numpy()}
        return meta, arrays

    def restore(self, meta: dict[str, Any], arrays: dict[str, NDArray[np.generic]]) -> None:
        """Take over what `state` returned. On another kind of device the random generator stays as it is."""
        self.clear()
        self._flat[: self.capacity] = torch.tensor(arrays["leaves"]).to(self.device)
        self._sums = self._leaves.sum(1)
        self._minima = torch.where(self._leaves > 0.0, self._leaves, torch.inf).amin(1)
        self._size = (self._leaves > 0.0).sum()
        self._empty = len(self) == 0
        self._highest.fill_(meta["max_priority"])
        self._beta = restored_schedule(meta["beta"], self._beta)
        if meta["device"] == self.device.type:
            self._rng.set_state(torch.tensor(arrays["generator"]))

    @property
    def _flat(self) -> Tensor:
        return self._leaves.view(-1)

    def _weights(self, density: Tensor, total: Tensor, beta: float) -> Tensor:
        if self.normalise is None:
            return ((self._size * density) ** -beta).clamp(max=torch.finfo(torch.float32).max).float()
        # (P_min / P)^beta is the quotient of the two weights, and cannot overflow.
        smallest = density.amin() if self.normalise == "batch" else self._minima.amin() / total
        weights: Tensor = (smallest / density) ** beta
        return weights.float()

    def _enter(self, slots: Tensor, inside: Tensor) -> None:
        if slots.shape[0]:
            self._size += self._scatter(slots, (self._highest**self.alpha).expand(slots.shape[0]), inside)
            self._empty = False

    def _scatter(self, slots: Tensor, leaves: Tensor, good: Tensor) -> Tensor:
        """Write the leaves of good rows and recompute their blocks. Returns how many slots were empty before."""
        rows = torch.where(good, torch.arange(slots.shape[0], device=self.device), -1)
        # Rows of one slot all write what the last good one of them says: which write comes last is not defined on CUDA.
        last = self._last_row.scatter_reduce_(0, slots, rows, "amax", include_self=False)[slots]
        before = self._flat[slots]
        self._flat[slots] = torch.where(last >= 0, leaves[last.clamp(min=0)], before)
        blocks = slots // _BLOCK
        members = self._leaves[blocks]
        self._sums[blocks] = members.sum(1)
        if self.normalise == "buffer":
            self._minima[blocks] = torch.where(members > 0.0, members, torch.inf).amin(1)
        return (good & (last == rows) & (before == 0.0)).sum()

    def _lookup(self, value: Any) -> Tensor:
        slots, inside = self._as_slots(value, "slots")
        if self.check and not inside.all():
            self._refuse_slots(slots, inside, "slots")
        return torch.where(inside, self._flat[torch.where(inside, slots, 0)], 0.0)

    def _as_slots(self, value: Any, name: str) -> tuple[Tensor, Tensor]:
        """Slots, int64 of shape (B,) on the device, and whether each is in range."""
        if not isinstance(value, torch.Tensor):
            slots = torch.from_numpy(as_slots(value, self.capacity, name)).to(self.device)
        elif value.is_floating_point() or value.is_complex() or value.dtype == torch.bool:
            raise TypeError(f"{name} must be integers, not {value.dtype}; pass on what sample() returned")
        else:
            slots = _column(value, name).to(self.device, torch.int64)
        return slots, (slots >= 0) & (slots < self.capacity)

    def _as_errors(self, value: Any, count: int) -> Tensor:
        """TD errors, float64 of shape (count,) on the device; tensors are not looked at here."""
        if not isinstance(value, torch.Tensor):
            return torch.from_numpy(as_finite(value, "td_errors", count)).to(self.device)
        if value.is_complex():
            raise TypeError(f"td_errors must be real numbers, not {value.dtype}")
        errors = _column(value.detach(), "td_errors")
        if errors.shape[0] != count:
            raise ValueError(f"td_errors has {errors.shape[0]} values, expected {count}")
        return errors.to(self.device, torch.float64)

    def _refuse_slots(self, slots: Tensor, inside: Tensor, name: str) -> None:
        raise ValueError(f"{name} is out of range: {int(slots[~inside][0])}, and the capacity is {self.capacity}")

    def _refuse_update(self, indices: Any, slots: Tensor, inside: Tensor, errors: Tensor) -> None:
        if not inside.all():
            self._refuse_slots(*self._as_slots(indices, "indices"), "indices")
        if not errors.isfinite().all():
            raise ValueError(f"td_errors has values that are not finite: {errors[~errors.isfinite()][:3].tolist()}")
        empty = slots[self._flat[slots] == 0.0]
        if empty.shape[0]:
            raise ValueError(f"slot {int(empty[0])} holds no transition")
        raise ValueError(
            f"(|TD error| + epsilon)^alpha overflows for {errors[:3].tolist()}: the TD errors have diverged, or"
            f" alpha={self.alpha:g} is too large"
        )


def _running_sums(masses: Tensor) -> Tensor:
    """Running sums over the last axis that never fall, and that are flat exactly where a mass is 0.

    CUDA adds in parallel: without the correction rounding could make a plain running sum step at an empty place.
    """
    return torch.where(masses > 0.0, masses.cumsum(-1), 0.0).cummax(-1).values


def _find(running: Tensor, points: Tensor) -> Tensor:
    """Where each point falls; a place of mass 0 is never found unless every mass is 0."""
    end = running[..., -1:]
    # Rounding can carry a point to the end and past it.
    inside = torch.minimum(points, torch.nextafter(end, end.new_zeros(())))
    return torch.searchsorted(running, inside, right=True).clamp(max=running.shape[-1] - 1)


def _column(value: Tensor, name: str) -> Tensor:
    if value.ndim == 0 or (value.ndim == 2 and value.shape[1] == 1):
        return value.reshape(-1)
    if value.ndim != 1:
        raise ValueError(f"{name} must have shape (B,) or (B, 1), not {tuple(value.shape)}")
    return value


def _as_generator(seed: int | None, rng: torch.Generator | None, device: torch.device) -> torch.Generator:
    if rng is not None:
        if seed is not None:
            raise ValueError("give seed or rng, not both")
        if not isinstance(rng, torch.Generator):
            raise TypeError(f"rng must be a torch.Generator, not {type(rng).__name__}")
        if rng.device.type != device.type:
            raise ValueError(f"rng is on {rng.device}, and the sampler on {device}; torch.Generator({str(device)!r})")
        return rng
    generator = torch.Generator(device)
    if seed is None:
        generator.seed()
    else:
        generator.manual_seed(seed)
    return generator
