"""A buffer of sequences in the form in which `persistence` saves and loads buffers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_ARGUMENTS = ("capacity", "length", "burn_in", "stride", "num_envs")


class SavedSequences:
    """What `save` and `load` need of a `SequenceReplayBuffer`.

    Attributes:
        capacity: all that decides which rows there are and what they mean: it must agree at loading.
    """

    objects = None

    def __init__(self, buffer: Any) -> None:
        self._buffer = buffer
        self.sampler = buffer.sampler
        self.storage = buffer.storage
        self.capacity = {name: getattr(buffer, name) for name in _ARGUMENTS}
        self.capacity["places"] = buffer.sampler.rare_limit

    def _arrays(self) -> list[NDArray[Any]]:
        return [self._buffer._laps, self._buffer._rare, *self._buffer._sequences.arrays()]

    @property
    def handles(self) -> NDArray[np.int64]:
        """All arrays beside those of the sampler and the storage, one behind the other."""
        return np.concatenate(self._arrays()).astype(np.int64)

    def state(self) -> dict[str, Any]:
        """What there is beside arrays."""
        return {
            "stale_updates": self._buffer.stale_updates,
            "next_side": self._buffer._next_side,
            "detector": self._buffer._detector.state(),
            "sequences": self._buffer._sequences.state(),
        }

    def restore(self, state: dict[str, Any], handles: NDArray[np.int64], objects: None) -> None:
        """Take over what `state` and `handles` returned."""
        del objects  # there are none
        self._buffer.stale_updates = state["stale_updates"]
        self._buffer._next_side = state["next_side"]
        self._buffer._detector.restore(state["detector"])
        self._buffer._sequences.restore(state["sequences"])
        first = 0
        for array in self._arrays():
            array[:] = handles[first : first + array.size]
            first += array.size
