"""Storage in which the next observation of a transition is the state of the one that followed it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .linked import LinkedStorage, RowPool

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .linked import Leaves, Name

_EMPTY = np.iinfo(np.int32).max


class NextByIndexStorage(LinkedStorage):
    """Stores each observation of a continuing stream once: half the memory of two columns.

    The next observation of a transition is the state of its successor, `num_envs` ring rows further, if that state is
    the same byte for byte. Where it is not (termination, truncation, reset, the newest transition of each environment),
    it has a row of its own, which is freed with the transition: at most one a transition. A link costs 4 bytes.

    Args:
        num_envs: number of environments that write in turn, as those of a vectorised environment do: the ring is to be
            a multiple of it. A wrong number costs memory and nothing else.

    Raises:
        TypeError, ValueError: num_envs that is not a positive int.
    """

    def _accept(self, like: Leaves) -> None:
        del like  # any shape

    def _allocate(self) -> None:
        self._states: Leaves = {
            name: np.zeros((self._capacity, *leaf.shape), leaf.dtype) for name, leaf in self._like.items()
        }
        # Where the next observation is: a row of _states, or ~row of _ends.
        self._next = np.full(self._capacity, _EMPTY, np.int32)
        self._ends = RowPool(2 * self.num_envs, self._like)

    def _forget(self) -> None:
        self._states = {}
        self._ends = RowPool(0, {})

    def _held(self, name: Name) -> list[NDArray[Any]]:
        return [self._states[name], self._ends.arrays[name]]

    def _widen(self) -> None:
        for arrays in (self._states, self._ends.arrays):
            for name, leaf in self._like.items():
                arrays[name] = arrays[name].astype(leaf.dtype)

    def _link(self, slot: int, states: Leaves, next_states: Leaves) -> None:
        ends, links = self._ends, self._next
        ends.reserve(1)
        before = (slot - self.num_envs) % self._ring
        end = ~int(links[before])
        if end >= 0 and all(ends.arrays[name][end].tobytes() == state.tobytes() for name, state in states.items()):
            links[before] = slot
            ends.give((end,))
        self._free(slot)
        for name, state in states.items():
            self._states[name][slot] = state
        self._end(slot, next_states)

    def _free(self, slot: int) -> None:
        end = ~int(self._next[slot])
        if end >= 0:
            self._ends.give((end,))

    def _end(self, slot: int, next_states: Leaves) -> None:
        """Give a next observation a row of its own."""
        end = self._ends.take()
        for name, next_state in next_states.items():
            self._ends.arrays[name][end] = next_state
        self._next[slot] = ~end

    def _link_batch(self, slots: NDArray[np.int64], states: Leaves, next_states: Leaves) -> None:
        ends, links, turn = self._ends, self._next, self.num_envs
        ends.reserve(slots.size)
        # The first of each environment may follow what is stored; the others may follow one another.
        before = (slots[:turn] - turn) % self._ring
        at = np.flatnonzero(links[before] < 0)
        rows = ~links[before[at]]
        pairs = [(ends.arrays[name][rows], state[at]) for name, state in states.items()]
        same = _same(pairs)
        ends.give(rows[same].tolist())
        links[before[at[same]]] = slots[at[same]]
        old = links[slots]
        ends.give((~old[old < 0]).tolist())
        for name, state in states.items():
            self._states[name][slots] = state
        rest = max(0, slots.size - turn)
        follows = np.zeros(slots.size, np.bool_)
        follows[:rest] = _same([(state[turn:], next_states[name][:rest]) for name, state in states.items()])
        links[slots[:rest][follows[:rest]]] = slots[turn:][follows[:rest]]
        for one in np.flatnonzero(~follows).tolist():
            self._end(int(slots[one]), {name: leaf[one] for name, leaf in next_states.items()})

    def _keep(self, slot: int, side: int) -> None:
        _, next_states = self._observations(np.array([slot]))
        self._ends.reserve(1)
        self._free(side)
        for states in self._states.values():
            states[side] = states[slot]
        self._end(side, {name: leaf[0] for name, leaf in next_states.items()})

    def _observations(self, slots: NDArray[np.int64]) -> tuple[Leaves, Leaves]:
        links = self._next[slots]
        apart = np.flatnonzero(links < 0)
        ends = ~links[apart]
        next_states = {}
        for name, states in self._states.items():
            next_states[name] = self._outputs.take(states, links)
            next_states[name][apart] = self._ends.arrays[name][ends]
        return {name: self._outputs.take(states, slots) for name, states in self._states.items()}, next_states

    def _used(self) -> NDArray[np.int64]:
        return np.flatnonzero(self._next != _EMPTY)

    def _state(self, used: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
        names = list(self._like)
        states = {f"state.{at}": self._states[name][used] for at, name in enumerate(names)}
        return {**states, "links": self._next[used], **self._ends.state(names)}

    def _restore(self, used: NDArray[np.int64], arrays: dict[str, NDArray[Any]]) -> None:
        names = list(self._like)
        for at, name in enumerate(names):
            self._states[name][used] = arrays[f"state.{at}"]
        self._next[used] = arrays["links"]
        self._ends.restore(names, arrays)


def _same(pairs: list[tuple[NDArray[Any], NDArray[Any]]]) -> NDArray[np.bool_]:
    """Which rows have the same bytes in both arrays of all pairs."""
    rows = len(pairs[0][0])
    same = np.ones(rows, np.bool_)
    for pair in pairs if rows else ():
        left, right = (np.frombuffer(one.tobytes(), np.uint8).reshape(rows, one.nbytes // rows) for one in pair)
        same &= (left == right).all(axis=1)
    return same
