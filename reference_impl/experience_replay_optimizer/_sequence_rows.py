"""Which rows of a ring of steps make a sequence, and when it is complete."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

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
