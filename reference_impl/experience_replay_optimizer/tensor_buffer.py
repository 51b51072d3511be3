"""A prioritised replay buffer whose transitions and priorities live in torch tensors on one device."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from ._validate import as_count, as_indices
from .persistence import load, save
from .replay_buffer import Sample
from .samplers.device import DevicePrioritizedSampler
from .storage.tensors import TensorStorage

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from .schedules import Schedule


class TensorReplayBuffer:
    """Textbook prioritised replay (Schaul et al. 2015) with tensors in and out: nothing leaves the device.

    It is for training that happens where the environments are, or whose batches are too large to copy at each step.
    Rare events are not kept or drawn more often: `PrioritizedReplayBuffer(storage=TensorStorage("cuda"))` does that,
    with its priorities on the CPU. When the buffer is full, the oldest transition is overwritten.

    Indices are handles slot + capacity * lap, in other words the number of the transition: an update for one that has
    been overwritten since is ignored and counted in `stale_updates`.

    With `check=False`, tensors on CUDA in the dtypes of their columns (float32 rewards, bool flags) go in, come out and
    are updated without waiting for the device once; see `DevicePrioritizedSampler` for what becomes of bad rows.
    For one thread at a time.

    Args:
        capacity: number of transitions at most.
        alpha, beta, beta_increment, epsilon, normalise, draws, seed, rng: as in `DevicePrioritizedSampler`.
        check: whether tensors on CUDA are looked at for NaN and for indices that were never returned.
        device: where everything lives: "cpu", "cuda", "cuda:1".

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
        self.sampler = DevicePrioritizedSampler(
            capacity,
            alpha,
            beta,
            beta_increment,
            epsilon=epsilon,
            normalise=normalise,
            draws=draws,
            check=check,
            device=device,
            seed=seed,
            rng=rng,
        )
        self.capacity = self.sampler.capacity
        self.device = self.sampler.device
        self.storage = TensorStorage(self.device)
        self.storage.open(self.capacity)
        self._handle_of = torch.full((self.capacity,), -1, dtype=torch.int64, device=self.device)
        self._next = 0  # handle of the next transition
        self._oldest = 0
        self._stale = torch.zeros((), dtype=torch.int64, device=self.device)

    def __len__(self) -> int:
        return self._next - self._oldest

    @property
    def alpha(self) -> float:
        """Exponent of the priorities."""
        return self.sampler.alpha

    @property
    def beta(self) -> float:
        """Exponent of the next weights; assigning replaces the schedule."""
        return self.sampler.beta

    @beta.setter
    def beta(self, value: float | Schedule | Callable[[], float]) -> None:
        self.sampler.beta = value

    @property
    def epsilon(self) -> float:
        """Added to |TD error| in a priority."""
        return self.sampler.epsilon

    @property
    def max_priority(self) -> float:
        """Largest |TD error| + epsilon so far: the priority of new transitions. Waits for the device."""
        return self.sampler.max_priority

    @property
    def stale_updates(self) -> int:
        """Updates ignored because their transition had been overwritten. Waits for the device."""
        return int(self._stale)

    def add(
        self,
        state: Any,
        action: Any,
        reward: Any,
        next_state: Any,
        done: Any,
        info: Mapping[str, Any] | None = None,
        **extras: Any,
    ) -> None:
        """Store a transition with the maximum priority.

        Args:
            state, next_state: tensors, arrays or numbers of one shape throughout, or (nested) dicts of them.
            action: number, array or tensor of one shape throughout.
            reward: finite number.
            done: flag; whether to bootstrap from `next_state` is decided by it, so pass `terminated`, not `truncated`.
            info: taken so that calls are those of the other buffers, and not looked at.
            extras: further columns, such as `discount=0.97`: the same ones in every call. `batch["discount"]`.

        Raises:
            TypeError: a field is not made of numbers.
            ValueError: another shape than the first transition's, or a reward that is not finite. Nothing has changed.
        """
        del info
        self.storage.write(self._next % self.capacity, (state, action, reward, next_state, done), extras)
        self._stored(1)

    def add_batch(
        self,
        states: Any,
        actions: Any,
        rewards: Any,
        next_states: Any,
        dones: Any,
        infos: Sequence[Mapping[str, Any] | None] | None = None,
        **extras: Any,
    ) -> None:
        """Store n transitions in their order, such as one of each of n environments that step together.

        Args:
            states, actions, rewards, next_states, dones: as in `add`, with a leading axis of n rows.
            infos: as `info` of `add`.
            extras: further columns of n rows.

        Raises:
            TypeError, ValueError: as in `add`, columns of different lengths, more rows than the capacity. Nothing has
                changed then.
        """
        del infos
        count = len(rewards)
        if count > self.capacity:
            raise ValueError(f"{count} transitions at once, and the buffer holds {self.capacity}: add them in parts")
        if count:
            columns = (states, actions, rewards, next_states, dones)
            first = self._next % self.capacity
            run = first + count <= self.capacity
            at = slice(first, first + count) if run else self._handles(count) % self.capacity
            self.storage.put(at, count, columns, extras, check=self.sampler.check)
            self._stored(count)

    def sample(self, batch_size: int, beta: float | None = None) -> Sample:
        """Draw transitions with replacement.

        Args:
            batch_size: number of transitions B, at most `len(self)`.
            beta: exponent of the weights for this batch alone; the schedule then stays where it is.

        Returns:
            (batch, weights, indices): a `Batch` of tensors, float32 and int64 tensors of shape (B,), on the device.

        Raises:
            ValueError: fewer than `batch_size` transitions are stored.
            TypeError: batch_size is no int.
        """
        count = as_count(batch_size, "batch_size")
        if count > len(self):
            raise ValueError(f"batch_size is {count}, and the buffer holds only {len(self)} transitions")
        slots, weights = self.sampler.sample(count, beta)
        drawn: tuple[Any, Any] = (weights, self._handle_of[slots])
        return Sample(self.storage.take(slots), *drawn)

    def update_priorities(self, indices: Any, td_errors: Any) -> None:
        """Set the priorities of drawn transitions to |TD error| + epsilon.

        Args:
            indices: what `sample` returned, shape (B,); handles of transitions that are gone are ignored and counted.
            td_errors: shape (B,) or (B, 1), signed or absolute; tensors, numpy arrays and lists are taken.

        Raises:
            ValueError: another length, NaN or inf, or an index that this buffer never returned. Nothing has changed.
            TypeError: indices that are no integers.
        """
        handles = self._as_handles(indices)
        returned = (handles >= 0) & (handles < self._next)
        if self.sampler.check and not returned.all():
            raise ValueError(f"index {int(handles[~returned][0])} was never returned by this buffer")
        slots = handles % self.capacity
        current = returned & (self._handle_of[slots] == handles)
        self.sampler.update(slots, td_errors, where=current)
        self._stale += (returned & ~current).sum()

    def slots(self, indices: Any) -> Tensor:
        """The slots in [0, capacity) that handles stand for, int64 of shape (B,)."""
        return self._as_handles(indices) % self.capacity

    def clear(self) -> None:
        """Forget all transitions and priorities. Handles given out before are stale from now on.

        The beta schedule and the random generator go on; the next `add` decides anew what is stored.
        """
        self.sampler.clear()
        self.storage.clear()
        self._handle_of.fill_(-1)
        # Slots are filled from 0 again.
        self._next = self._oldest = -(-self._next // self.capacity) * self.capacity

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write everything to a file: transitions, priorities, schedule and random generator.

        No pickle; the file replaces another of that name only when it is complete. See `persistence`.

        Raises:
            OSError: the file cannot be written.
        """
        save(self, path, ())

    def load(self, path: str | os.PathLike[str]) -> None:
        """Take over what `save` wrote, on this buffer's device.

        On the same kind of device it then draws what the other would have drawn next; a random generator of the CPU
        cannot go on as one of CUDA.

        Raises:
            ValueError: no such file of ours, a newer version, a damaged one, or another kind of buffer, capacity, alpha
                or epsilon. Nothing has changed then.
            OSError: the file cannot be read.
        """
        load(self, path, ())

    @property
    def handles(self) -> NDArray[np.int64]:
        """The handle of what each slot holds, int64 of shape (capacity,) on the CPU, -1 where it holds nothing."""
        handles: NDArray[np.int64] = self._handle_of.cpu().numpy()
        return handles

    @property
    def objects(self) -> None:
        """None: there are columns only."""

    def state(self) -> dict[str, Any]:
        """What `save` writes of the buffer itself, beside its storage and its sampler."""
        return {"next": self._next, "oldest": self._oldest, "stale_updates": self.stale_updates}

    def restore(self, state: dict[str, Any], handles: NDArray[np.int64], objects: None) -> None:
        """Take over what `state` returned, after the storage and the sampler have taken over theirs."""
        del objects
        self._next, self._oldest = state["next"], state["oldest"]
        self._stale.fill_(state["stale_updates"])
        self._handle_of = torch.tensor(handles).to(self.device)

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}({len(self)} of {self.capacity}, alpha={self.alpha:g}, beta={self.beta:g},"
            f" device={str(self.device)!r})"
        )

    def _handles(self, count: int) -> Tensor:
        return torch.arange(self._next, self._next + count, device=self.device)

    def _stored(self, count: int) -> None:
        handles = self._handles(count)
        slots = handles % self.capacity
        self._handle_of[slots] = handles
        self.sampler.enter(slots)
        self._next += count
        self._oldest = max(self._oldest, self._next - self.capacity)

    def _as_handles(self, value: Any) -> Tensor:
        if not isinstance(value, torch.Tensor):
            return torch.from_numpy(as_indices(value)).to(self.device)
        if value.dtype == torch.bool or value.is_floating_point() or value.is_complex():
            raise TypeError(f"indices must be integers, not {value.dtype}; pass on what sample() returned")
        if value.ndim != 1:
            raise ValueError(f"indices must have shape (B,), not {tuple(value.shape)}")
        return value.to(self.device, torch.int64)
