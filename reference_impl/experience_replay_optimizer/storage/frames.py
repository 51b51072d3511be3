"""Storage of stacked frames in which each frame is kept once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .._validate import as_count
from .linked import LinkedStorage, RowPool

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .linked import Leaves, Name

_EMPTY = -1
_FRAME = ("frame",)


class FrameStackStorage(LinkedStorage):
    """Stores each frame of stacked observations once: about an eighth of the memory of two columns at 4 frames a stack.

    A transition keeps the rows of the frames of its two observations, 8 bytes a frame of the stack. Frames are found by
    comparing bytes, in any order: with those of the next observation of its predecessor (`num_envs` ring rows before
    it) and with the others of the transition. A stack at the start of an episode, whether it repeats a frame, is padded
    with zeros or is made of other frames, comes out as it went in. An episode of T transitions that starts with one
    frame, repeated, takes T + 1 frames; where no frame is met again, a transition takes 2 * `stack`: the bound.
    Objects that numpy can make an array of, such as the lazy frames of Atari wrappers, are taken.

    Args:
        stack: number of frames in an observation.
        axis: where the frames are: 0 for observations (stack, H, W), -1 for (H, W, stack). With -1 the gathered arrays
            have that shape and are views of contiguous ones of shape (B, stack, H, W).
        num_envs: number of environments that write in turn; the ring is to be a multiple of it.
        overlap: let `states` and `next_states` of a batch be views of one array of `stack` + 1 frames a row, where each
            next observation is its observation moved on by a frame: five eighths of the bytes at 4 frames a stack. The
            batch is the caller's still, but writing into one of the two writes into the other.

    Raises:
        TypeError, ValueError: an argument of the wrong type or out of range.
    """

    def __init__(self, stack: int = 4, axis: int = 0, num_envs: int = 1, *, overlap: bool = False) -> None:
        super().__init__(num_envs)
        self.stack = as_count(stack, "stack")
        if axis not in (0, -1):
            raise ValueError(f"axis must be 0 for (stack, H, W) or -1 for (H, W, stack), not {axis!r}")
        self.axis = axis
        self.overlap = overlap

    def _accept(self, like: Leaves) -> None:
        shapes = [leaf.shape for name, leaf in like.items() if name == ()]
        if not shapes:
            raise ValueError("state is a dict, and frames are found in plain arrays only: use NextByIndexStorage")
        if len(shapes[0]) < 2 or shapes[0][self.axis] != self.stack:
            raise ValueError(
                f"state has shape {shapes[0]}, expected {self.stack} frames along axis {self.axis}: set stack and axis"
            )

    def _allocate(self) -> None:
        # Enough for episodes of 64 transitions and more; rows that are never needed are never resident.
        rows = self._ring + self._ring // 64 + 2 * self.stack
        self._frames = RowPool(rows, {_FRAME: np.moveaxis(self._like[()], self.axis, 0)[0]})
        self._rows = np.full((self._capacity, 2 * self.stack), _EMPTY, np.int32)

    def _forget(self) -> None:
        self._frames = RowPool(0, {})

    def _held(self, name: Name) -> list[NDArray[Any]]:
        del name  # there is one
        return [self._frames.arrays[_FRAME]]

    def _widen(self) -> None:
        self._frames.arrays[_FRAME] = self._frames.arrays[_FRAME].astype(self._like[()].dtype)

    def _link(self, slot: int, states: Leaves, next_states: Leaves) -> None:
        self._frames.reserve(2 * self.stack)
        frames = self._frames.arrays[_FRAME]
        before = self._rows[(slot - self.num_envs) % self._ring, self.stack :].tolist()
        known = [(frames[row].tobytes(), row) for row in before if row != _EMPTY]
        known = self._find(states[()], known)
        rows = [row for _, row in known]
        rows += [row for _, row in self._find(next_states[()], known)]
        gone = self._rows[slot].tolist()
        self._rows[slot] = rows
        # They may be shared with the successor; the predecessor has been overwritten before.
        self._free(gone, self._rows[(slot + self.num_envs) % self._ring].tolist())

    def _find(self, observation: NDArray[Any], known: list[tuple[bytes, int]]) -> list[tuple[bytes, int]]:
        """The bytes and rows of the frames of `observation`: those of `known` frames, or new rows, now written."""
        known = known.copy()
        found = []
        for frame in observation if self.axis == 0 else np.moveaxis(observation, -1, 0):
            content = frame.tobytes()
            # Frames that differ mostly do so early: comparing is cheaper than hashing.
            for one in known:
                if one[0] == content:
                    break
            else:
                one = content, self._frames.take()
                self._frames.arrays[_FRAME][one[1]] = frame
                known.append(one)
            found.append(one)
        return found

    def _free(self, rows: list[int], shared: list[int]) -> None:
        self._frames.give(sorted(set(rows) - set(shared) - {_EMPTY}, reverse=True))

    def _keep(self, slot: int, side: int) -> None:
        self._frames.reserve(2 * self.stack)
        frames = self._frames.arrays[_FRAME]
        copies: dict[int, int] = {}
        for row in self._rows[slot].tolist():
            if row not in copies:
                copies[row] = self._frames.take()
                frames[copies[row]] = frames[row]
        self._free(self._rows[side].tolist(), [])
        self._rows[side] = [copies[row] for row in self._rows[slot].tolist()]

    def _observations(self, slots: NDArray[np.int64]) -> tuple[Leaves, Leaves]:
        rows = self._rows[slots]
        moved = rows[:, 1 : self.stack]
        if self.overlap and np.array_equal(moved, rows[:, self.stack : -1]):
            frames = self._outputs.take(self._frames.arrays[_FRAME], np.c_[rows[:, :1], rows[:, self.stack :]])
            return {(): self._moved(frames[:, :-1])}, {(): self._moved(frames[:, 1:])}
        return {(): self._stacks(rows[:, : self.stack])}, {(): self._stacks(rows[:, self.stack :])}

    def _stacks(self, rows: NDArray[np.int32]) -> NDArray[Any]:
        return self._moved(self._outputs.take(self._frames.arrays[_FRAME], rows))

    def _moved(self, stacks: NDArray[Any]) -> NDArray[Any]:
        # A view: moving the axis of the copy would take longer than all the rest.
        return stacks if self.axis == 0 else np.moveaxis(stacks, 1, -1)

    def _used(self) -> NDArray[np.int64]:
        return np.flatnonzero(self._rows[:, 0] != _EMPTY)

    def _state(self, used: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
        return {"frames": self._rows[used], **self._frames.state([_FRAME])}

    def _restore(self, used: NDArray[np.int64], arrays: dict[str, NDArray[Any]]) -> None:
        self._rows[used] = arrays["frames"]
        self._frames.restore([_FRAME], arrays)
