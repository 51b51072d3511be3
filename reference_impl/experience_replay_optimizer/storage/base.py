"""What a buffer needs of the storage of its transitions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Protocol

    import numpy as np
    from numpy.typing import NDArray

    from .batch import Batch

    class Storage(Protocol):
        """Where the transitions of one buffer live, by slot. It knows nothing of how they are drawn."""

        linked: bool
        """Whether rows are read through their neighbours: the ring is then written without a gap."""

        def open(self, capacity: int, kept: int) -> None:
            """Called once, by the buffer.

            Args:
                capacity: number of slots. Those of a linked storage are a ring of capacity - kept slots, written
                    cyclically in their order, and rows for protected transitions behind it.
                kept: number of those rows; 0 for storages that are not linked.
            """

        def write(self, slot: int, transition: tuple[Any, ...], extras: Mapping[str, Any]) -> float:
            """Store (state, action, reward, next_state, done) and the extra columns; returns the reward.

            Raises TypeError or ValueError where something is refused, and has changed nothing then.
            """

        def write_batch(
            self, slots: NDArray[np.int64], columns: tuple[Any, ...], extras: Mapping[str, Any], run: bool
        ) -> NDArray[Any]:
            """Store n transitions given as five columns of n rows; returns the rewards, shape (n,).

            `run` says whether each slot is the one before plus 1.
            """

        def gather(self, slots: NDArray[np.int64]) -> Batch:
            """The transitions in `slots`, in that order; the arrays belong to the caller."""

        def row(self, slot: int) -> tuple[Any, ...]:
            """The transition in `slot`, a 5-tuple that shares no memory with the storage."""

        def clear(self) -> None:
            """Forget all transitions; the next one decides anew what is stored."""

        def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
            """What is stored: metadata that JSON can hold, and arrays."""

        def restore(self, meta: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> None:
            """Take over what `state` of a storage of the same kind and capacity returned."""

    class Linked(Storage, Protocol):
        """A storage whose rows are read through their neighbours: `linked` is true."""

        def check(self, transition: tuple[Any, ...], extras: Mapping[str, Any]) -> None:
            """Refuse what `write` would refuse, before a protected transition makes room for it."""

        def check_batch(self, count: int, columns: tuple[Any, ...], extras: Mapping[str, Any]) -> None:
            """Refuse what `write_batch` would refuse."""

        def keep(self, slot: int, side: int) -> None:
            """Copy the transition of ring slot `slot`, soon to be overwritten, to row `side`."""
