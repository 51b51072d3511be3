"""Prioritised replay of sequences, for recurrent learners (Kapturowski et al. 2019, "R2D2", section 2.3)."""

from __future__ import annotations

import operator
import threading
from typing import TYPE_CHECKING, Any

import numpy as np

from ._episodes import as_env, as_flags, mapped
from ._sequence_file import SavedSequences
from ._sequence_rows import SequenceRows, StartSampler, errors_by_row, mixed_errors
from ._validate import as_count, as_float, as_indices
from .persistence import load, save
from .rare_marks import RareMarks
from .replay_buffer import Sample
from .samplers.rare_events import RareEventDetector
from .storage.batch import Batch
from .storage.columns import ColumnStorage
from .storage.fields import as_rows

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from .schedules import Schedule
    from .storage.base import Storage


class SequenceReplayBuffer:
    """Stores steps of episodes and draws sequences of them by priority (R2D2: Kapturowski et al. 2019, section 2.3).

    Each step is stored once. A sequence is `length` consecutive steps of one episode; it starts at every `stride`-th
    step, so that neighbours overlap, and never crosses the end of an episode: one that ends early is padded with zeros,
    and `batch["mask"]` says which rows are real. A sequence can be drawn as soon as it is complete or its episode has
    ended, and until its first step is overwritten. What an episode has beyond its last full sequence makes a padded
    one; an episode of `burn_in` steps or fewer has nothing to learn from and is never drawn.

    The first `burn_in` rows of a sequence only warm up the recurrent state: learn from the others. The state itself can
    be stored with each step as an extra column, `add(..., hidden=h)`; `batch["hidden"][:, 0]` is where to start.

    The priority of a sequence is eta * max |TD error| + (1 - eta) * mean |TD error| over its real rows after the
    burn-in, plus epsilon; a new one has the largest priority so far. Weights are those of `PrioritizedSampler`, with
    sequences in the place of transitions.

    Rare events: a sequence with a step whose reward is rare, or that `is_rare` or `rare_flags` mark, is protected. When
    its first step is to be overwritten, it is copied to one of rare_quota * capacity / length places of `length` rows,
    which are part of the capacity. A share `rare_fraction` of a batch comes from the protected sequences, as in
    `PrioritizedSampler`, and the weights account for it.

    Args:
        capacity: number of steps at most.
        length: rows of a sequence, those of the burn-in included.
        burn_in: rows at the beginning of a sequence that are not learnt from; less than `length`.
        stride: steps between the starts of neighbouring sequences, at most length - burn_in; length // 2, or less where
            the burn-in needs it, if None.
        alpha, beta: exponents of priorities and weights, as in R2D2; `beta` may be a schedule.
        beta_increment: added to a constant `beta` with each `sample()` up to 1.
        num_envs: number of environments; `add(..., env=i)` says whose step it is.
        eta: share of the largest TD error in a priority, in [0, 1].
        epsilon, rare_fraction, rare_quota, normalise, seed, rng: as in `PrioritizedReplayBuffer`.
        is_rare: replaces the test of the reward; called with (state, action, reward, next_state, terminated).
        rare_flags: keys of `info` that mark a rare step.
        storage: where the steps are, `ColumnStorage()` if None. `NextByIndexStorage` and `FrameStackStorage` save
            memory.

    Raises:
        TypeError, ValueError: an argument of the wrong type or out of range, or a capacity that does not hold one
            sequence of each environment beside the places for protected ones.
    """

    def __init__(
        self,
        capacity: int,
        length: int,
        burn_in: int = 0,
        stride: int | None = None,
        alpha: float = 0.9,
        beta: float | Schedule | Callable[[], float] = 0.6,
        beta_increment: float = 0.0,
        *,
        num_envs: int = 1,
        eta: float = 0.9,
        epsilon: float = 1e-6,
        rare_fraction: float = 0.25,
        rare_quota: float = 0.1,
        is_rare: Callable[[Any], bool] | None = None,
        rare_flags: Sequence[str] = ("conversion", "first_time_action"),
        normalise: str | None = "batch",
        storage: Storage | None = None,
        seed: Any = None,
        rng: np.random.Generator | None = None,
    ) -> None:
        self.capacity = as_count(capacity, "capacity")
        self.length = as_count(length, "length")
        self.burn_in = 0 if burn_in == 0 else as_count(burn_in, "burn_in")
        if self.burn_in >= self.length:
            raise ValueError(f"burn_in must be less than length={self.length}, not {self.burn_in}")
        learnt = self.length - self.burn_in
        self.stride = min(max(self.length // 2, 1), learnt) if stride is None else as_count(stride, "stride")
        if self.stride > learnt:
            raise ValueError(
                f"stride must be at most length - burn_in = {learnt}, not {self.stride}: the steps between would never"
                " be learnt from"
            )
        self.num_envs = as_count(num_envs, "num_envs")
        self.eta = as_float(eta, "eta", 0.0, 1.0)
        self._marks = RareMarks(is_rare, rare_flags)
        fraction = as_float(rare_fraction, "rare_fraction", 0.0, 1.0)
        quota = as_float(rare_quota, "rare_quota", 0.0, 1.0) if fraction else 0.0
        kept = int(quota * self.capacity / self.length + 1e-9)
        ring = self.capacity - kept * self.length
        if ring < self.length * self.num_envs:
            raise ValueError(
                f"capacity={self.capacity} leaves {ring} steps beside {kept} protected sequences, and {self.num_envs}"
                f" environments need {self.length * self.num_envs}: a larger capacity, or a smaller rare_quota"
            )
        self.sampler = StartSampler(
            ring + kept,
            alpha,
            beta,
            beta_increment,
            epsilon=epsilon,
            rare_fraction=fraction,
            rare_quota=kept / (ring + kept),
            normalise=normalise,
            seed=seed,
            rng=rng,
        )
        self.storage: Any = ColumnStorage() if storage is None else storage
        self.storage.open(self.capacity, kept * self.length if self.storage.linked else 0)
        self.stale_updates = 0
        self._sequences = SequenceRows(ring, kept, self.length, self.burn_in, self.stride, self.num_envs)
        self._laps = np.full(ring + kept, -1, np.int64)  # how often a start has been used
        self._rare = np.zeros(ring, np.bool_)  # steps
        self._detector = RareEventDetector()
        self._next_side = ring
        self._lock = threading.RLock()

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

    def __len__(self) -> int:
        """Number of sequences that can be drawn."""
        return len(self.sampler)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self)} sequences of {self.length}, capacity={self.capacity})"

    def add(
        self,
        state: Any,
        action: Any,
        reward: Any,
        next_state: Any,
        terminated: Any,
        truncated: Any = False,
        info: Mapping[str, Any] | None = None,
        env: int = 0,
        **extras: Any,
    ) -> None:
        """Store a step of an environment.

        Args:
            state, action, reward, next_state: as in `PrioritizedReplayBuffer.add`; after the last step of an episode
                `next_state` is its final observation.
            terminated: whether the environment ended the episode; `batch.dones`.
            truncated: whether the episode was cut off otherwise: its last row still bootstraps from `next_state`.
            info: the environment's dict.
            env: number of the environment, in [0, num_envs).
            extras: further columns of `batch`, the same in every call: a recurrent state, for example.

        Raises:
            TypeError, ValueError: as `PrioritizedReplayBuffer.add`, an unknown environment, or an extra column named
                "mask". Nothing is stored then.
        """
        transition = (state, action, reward, next_state, terminated)
        ends = bool(as_flags(truncated, "truncated", 1)[0]) | bool(as_flags(terminated, "terminated", 1)[0])
        if "mask" in extras:
            raise ValueError('"mask" is what sample() calls the padding: give the extra column another name')
        with self._lock:
            env = self._env(env)
            verdict = self._marks.verdict(transition, info)
            row = self._sequences.next_row
            if self.sampler.is_protected(row):
                self._move_away(row)
            number = self.storage.write(row, transition, extras)
            if self.sampler.contains([row])[0]:
                self.sampler.remove(row)
            if self.sampler.preserves_rare:
                self._judge(row, number, verdict)
            self._sequences.add(env)
            self._open(self._sequences.complete(env, ends))

    def add_batch(
        self,
        states: Any,
        actions: Any,
        rewards: Any,
        next_states: Any,
        terminated: Any,
        truncated: Any = None,
        infos: Sequence[Mapping[str, Any] | None] | None = None,
        **extras: Any,
    ) -> None:
        """`add` one step of each of the environments 0 ... E-1: columns of E rows, and E dicts.

        Raises:
            TypeError, ValueError: as `add`, or columns of different lengths. The steps of the environments before the
                one that is refused are stored then.
        """
        count = len(rewards)
        columns = as_rows((states, actions, rewards, next_states, terminated), count)
        cut = np.zeros(count, np.bool_) if truncated is None else as_flags(truncated, "truncated", count)
        if any(len(column) != count for column in (*extras.values(), *([] if infos is None else [infos]))):
            raise ValueError(f"infos and extra columns must have {count} rows, as the rewards have")
        with self._lock:
            for env in range(count):
                step = (mapped(operator.itemgetter(env), column) for column in columns)
                state, action, reward, next_state, done = step
                info = None if infos is None else infos[env]
                rest = {name: column[env] for name, column in extras.items()}
                self.add(state, action, reward, next_state, done, cut[env], info, env, **rest)

    def end_episode(self, env: int = 0) -> None:
        """The episode of an environment was abandoned: its next step is the first of another one.

        Raises:
            TypeError, ValueError: `env` is no int in [0, num_envs).
        """
        with self._lock:
            self._open(self._sequences.complete(self._env(env), True))

    def sample(self, batch_size: int, beta: float | None = None) -> Sample:
        """Draw sequences with replacement.

        Args:
            batch_size: number of sequences B, at most `len(self)`.
            beta: exponent of the weights for this batch alone; the schedule then stays where it is.

        Returns:
            (batch, weights, indices): arrays of `batch` have shape (B, length, ...), `batch["mask"]` is bool (B,
            length), weights and indices have shape (B,). All belong to the caller.

        Raises:
            ValueError: fewer than `batch_size` sequences are complete.
            TypeError: batch_size is no int.
        """
        count = as_count(batch_size, "batch_size")
        with self._lock:
            if count > len(self):
                raise ValueError(f"batch_size is {count}, and the buffer holds only {len(self)} complete sequences")
            starts, weights = self.sampler.sample(count, beta)
            handles = starts + self._laps.size * self._laps[starts]
            return Sample(self._gather(starts), weights, handles)

    def _gather(self, starts: NDArray[np.int64]) -> Batch:
        mask = np.arange(self.length) < self._sequences.count[starts][:, None]
        padding = ~mask
        flat = self.storage.gather(self._sequences.rows(starts).reshape(-1))

        def shaped(column: NDArray[Any]) -> NDArray[Any]:
            column = column.reshape(*mask.shape, *column.shape[1:])
            column[padding] = 0
            return column

        fields = (flat.states, flat.actions, flat.rewards, flat.next_states, flat.dones)
        states, actions, rewards, next_states, dones = (mapped(shaped, field) for field in fields)
        extras = {name: shaped(column) for name, column in flat.extras.items()}
        return Batch(states, actions, rewards, next_states, dones, {**extras, "mask": mask})

    def update_priorities(self, indices: Any, td_errors: Any) -> None:
        """Set the priorities of drawn sequences.

        Args:
            indices: what `sample` returned, shape (B,); handles of sequences that are gone are ignored and counted in
                `stale_updates`.
            td_errors: signed or absolute, of shape (B, length) or, without the burn-in, (B, length - burn_in); values
                in the burn-in and the padding do not count. Or of shape (B,): then |TD error| as it is.

        Raises:
            ValueError: another shape, NaN or inf that counts, or an index that this buffer never returned. Nothing has
                changed then.
            TypeError: indices that are no integers, or TD errors that are no numbers.
        """
        handles = as_indices(indices)
        errors = errors_by_row(td_errors, handles.size, self.length, self.burn_in)
        starts, laps = handles % self._laps.size, handles // self._laps.size
        with self._lock:
            if (laps > self._laps[starts]).any():
                raise ValueError(
                    f"index {int(handles[laps > self._laps[starts]][0])} was never returned by this buffer"
                )
            current = (laps == self._laps[starts]) & self.sampler.contains(starts)
            rows = self._sequences.count[starts[current]] - self.burn_in
            self.sampler.update(starts[current], mixed_errors(errors[current], rows, self.eta))
            self.stale_updates += int(handles.size - np.count_nonzero(current))

    def clear(self) -> None:
        """Forget all steps; handles given out before are stale from now on."""
        with self._lock:
            self.sampler.clear()
            self.storage.clear()
            self._sequences.clear()
            self._detector = RareEventDetector()

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write everything to a file, as `PrioritizedReplayBuffer.save` does. OSError where it cannot be written."""
        with self._lock:
            save(SavedSequences(self), path, ())

    def load(self, path: str | os.PathLike[str]) -> None:
        """Take over what `save` wrote: the buffer then draws what the other would have drawn next.

        Raises:
            ValueError: no such file of ours, a newer version, a damaged one, or one of a buffer with other arguments
                for capacity, length, burn_in, stride, num_envs, rare_quota, alpha or epsilon. Nothing has changed then.
            OSError: the file cannot be read.
        """
        with self._lock:
            load(SavedSequences(self), path, ())

    def _env(self, env: int) -> int:
        number = as_env(env)
        if number >= self.num_envs:
            raise ValueError(f"env is {number}, and the buffer was made for num_envs={self.num_envs}")
        return number

    def _judge(self, row: int, reward: float, verdict: bool | None) -> None:
        self._rare[row] = bool(verdict)
        self._rare[self._detector.observe(row, reward, judge=verdict is None)] = True

    def _open(self, starts: list[int]) -> None:
        """Let sequences be drawn."""
        for start in starts:
            self._laps[start] += 1
            self.sampler.add_one(start, None, bool(self._rare[self._sequences.sequence(start)].any()))

    def _move_away(self, start: int) -> None:
        """Copy a protected sequence, whose first step is to be overwritten, behind the ring."""
        # No more sequences are protected than there are places, and this one is still in the ring.
        while self.sampler.is_protected(self._next_side):
            self._next_side = self._next_side + 1 if self._next_side + 1 < self._laps.size else self._sequences.ring
        rows, places = self._sequences.move(start, self._next_side)
        if self.storage.linked:
            for row, place in zip(rows.tolist(), places.tolist()):  # noqa: B905
                self.storage.keep(row, place)
        else:
            batch = self.storage.gather(rows)
            columns = (batch.states, batch.actions, batch.rewards, batch.next_states, batch.dones)
            self.storage.write_batch(places, columns, batch.extras, True)
        self._laps[self._next_side] += 1
        self.sampler.move(start, self._next_side)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_lock"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._lock = threading.RLock()
