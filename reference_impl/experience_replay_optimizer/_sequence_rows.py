"""Which rows of a ring of steps make a sequence, when it is complete, and what its priority is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ._validate import check_finite, to_numpy
from .samplers.prioritized import PrioritizedSampler

if TYPE_CHECKING:
    from numpy.typing import NDArray


class _Start(NamedTuple):
    """Where a sequence starts that is not complete yet."""

    number: int  # of the step, counted over all environments
    step: int  # within its episode


class _Episode:
    """The open episode of one environment."""

    def __init__(self) -> None:
        self.steps = 0
        self.newest = -1  # number of its last step
        self.starts: list[_Start] = []


class SequenceRows:
    """Rows [0, ring) hold the newest steps of all environments; behind them are `kept` places of `length` rows.

    A sequence is known by one number, its start: the row of its first step, or ring + j if it lies in place j. As its
    first step is the oldest of its steps, a sequence is whole until that one is overwritten.

    Args:
        ring, kept, length, burn_in, stride, num_envs: as in `SequenceReplayBuffer`; kept is a number of places.

    Attributes:
        count: number of rows of each sequence, by start; int32 of shape (ring + kept,).
    """

    def __init__(self, ring: int, kept: int, length: int, burn_in: int, stride: int, num_envs: int) -> None:
        self.ring, self.length, self.burn_in, self.stride = ring, length, burn_in, stride
        self.count = np.zeros(ring + kept, np.int32)
        # The row of the step that followed; of any step after the last of an episode.
        self._next = np.zeros(ring + kept * length, np.int32)
        self._num_envs = num_envs
        self.clear()

    def clear(self) -> None:
        """There are no steps."""
        self._written = 0
        self._episodes = [_Episode() for _ in range(self._num_envs)]

    @property
    def next_row(self) -> int:
        """The row of the next step."""
        return self._written % self.ring

    def add(self, env: int) -> None:
        """The next step of environment `env` was stored in `next_row`."""
        episode = self._episodes[env]
        if self._written - episode.newest >= self.ring:  # it has not moved for a whole lap
            episode.steps, episode.starts = 0, []
        elif episode.steps:
            self._next[episode.newest % self.ring] = self.next_row
        if episode.steps % self.stride == 0:
            episode.starts.append(_Start(self._written, episode.steps))
        episode.newest = self._written
        episode.steps += 1
        self._written += 1

    def complete(self, env: int, ends: bool) -> list[int]:
        """The starts of the sequences that can be drawn from now on.

        Args:
            env: number of the environment.
            ends: whether its episode is over.
        """
        episode = self._episodes[env]
        found, waiting = [], []
        for start in episode.starts:
            rows = episode.steps - start.step
            # Those that the end cuts short are left out where the sequence before reaches the end too.
            short = ends and rows > self.burn_in and (start.step == 0 or rows + self.stride > self.length)
            if self._written - start.number > self.ring:  # overwritten by the other environments
                continue
            if short or rows == self.length:
                row = start.number % self.ring
                self.count[row] = rows
                found.append(row)
            else:
                waiting.append(start)
        episode.starts = waiting
        if ends:
            episode.steps, episode.starts = 0, []
        return found

    def rows(self, starts: NDArray[np.int64]) -> NDArray[np.int64]:
        """The rows of sequences, int64 of shape (B, length); past the end of a sequence any rows."""
        rows: NDArray[np.int64] = np.empty((starts.size, self.length), np.int64)
        rows[:, 0] = np.where(starts < self.ring, starts, self.ring + (starts - self.ring) * self.length)
        for at in range(1, self.length):
            rows[:, at] = self._next[rows[:, at - 1]]
        return rows

    def sequence(self, start: int) -> NDArray[np.int64]:
        """The rows of one sequence, without padding."""
        rows: NDArray[np.int64] = self.rows(np.array([start]))[0, : self.count[start]]
        return rows

    def move(self, start: int, side: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Give the sequence `start` a place behind the ring, known as `side`. Returns its old and its new rows."""
        rows = self.sequence(start)
        places = self.ring + (side - self.ring) * self.length + np.arange(rows.size)
        self._next[places[:-1]] = places[1:]
        self.count[side] = rows.size
        return rows, places

    def state(self) -> dict[str, Any]:
        """What `restore` takes beside the arrays, for JSON."""
        episodes = [[one.steps, one.newest, [list(start) for start in one.starts]] for one in self._episodes]
        return {"written": self._written, "episodes": episodes}

    def arrays(self) -> list[NDArray[Any]]:
        """The arrays that `restore` takes, to be copied or filled in place."""
        return [self._next, self.count]

    def restore(self, state: dict[str, Any]) -> None:
        """Take over what `state` returned; those who call have filled `arrays`."""
        self._written = state["written"]
        for episode, (steps, newest, starts) in zip(self._episodes, state["episodes"]):  # noqa: B905
            episode.steps, episode.newest = steps, newest
            episode.starts = [_Start(*start) for start in starts]


class StartSampler(PrioritizedSampler):
    """A sampler whose slots can be emptied: not every step starts a sequence."""

    def remove(self, slot: int) -> None:
        """Empty a slot that holds something and is not protected."""
        slots = np.array([slot])
        self._index.remove(slots)
        self._size -= 1
        if self._smallest is not None:
            self._smallest.update(slots)


def errors_by_row(td_errors: Any, count: int, length: int, burn_in: int) -> NDArray[Any]:
    """TD errors of `count` sequences after the burn-in, shape (count, length - burn_in) or (count, 1).

    Raises:
        TypeError, ValueError: no numbers, or another shape.
    """
    errors = to_numpy(td_errors)
    if errors.dtype.kind not in "biuf":
        raise TypeError(f"td_errors must be real numbers, not {errors.dtype}")
    if errors.shape == (count, length):
        return errors[:, burn_in:]
    if errors.shape not in ((count,), (count, 1), (count, length - burn_in)):
        expected = ", ".join(str(shape) for shape in ((count, length), (count, length - burn_in), (count,)))
        raise ValueError(f"td_errors has shape {errors.shape}, expected one of {expected}")
    return errors.reshape(count, -1)


def mixed_errors(errors: NDArray[Any], rows: NDArray[np.int32], eta: float) -> NDArray[np.float64]:
    """eta * max + (1 - eta) * mean of |TD errors|, shape (B,).

    Args:
        errors: from `errors_by_row`.
        rows: how many rows of each sequence count, shape (B,); the others are padding.
        eta: share of the maximum.

    Raises:
        ValueError: NaN or inf in a row that counts.
    """
    rows = np.minimum(rows, errors.shape[1])
    counts = np.arange(errors.shape[1]) < rows[:, None]
    errors = np.where(counts, np.abs(errors.astype(np.float64)), 0.0)
    check_finite(errors, "td_errors")
    mixed: NDArray[np.float64] = eta * errors.max(axis=1) + (1.0 - eta) * errors.sum(axis=1) / rows
    return mixed
