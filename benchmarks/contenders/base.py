"""What a contender does, and the transitions that it is given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

ALPHA, BETA = 0.6, 0.4
TORCH = ("torch==2.13.0",)  # installed first, and named again beside the library: pip then chooses no other


@dataclass(frozen=True)
class Transitions:
    """Columns with a leading axis of so many transitions, a whole number of episodes."""

    states: NDArray[Any]
    actions: NDArray[np.int64]
    rewards: NDArray[np.float32]
    next_states: NDArray[Any]
    dones: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.actions)

    @property
    def columns(self) -> tuple[NDArray[Any], ...]:
        return self.states, self.actions, self.rewards, self.next_states, self.dones

    @property
    def nbytes(self) -> int:
        return sum(column.nbytes for column in self.columns)

    def first(self, count: int) -> Transitions:
        return Transitions(*(column[:count] for column in self.columns))

    def rows(self) -> list[tuple[Any, ...]]:
        """As an environment gives them: arrays, and Python's numbers."""
        _, actions, rewards, _, dones = (column.tolist() if column.ndim == 1 else column for column in self.columns)
        return list(zip(self.states, actions, rewards, self.next_states, dones, strict=True))


def transitions(workload: str) -> Transitions:
    """The same numbers each time; 1 % of the rewards are 1.

    "vectors": float32 of shape (8,). "images" and "frames first": stacks of four uint8 frames, shape (84, 84, 4) and
    (4, 84, 84), as Atari's wrappers make them: each step brings one frame, an episode begins with four times its first.
    """
    rng = np.random.default_rng(0)
    if workload == "vectors":
        count = 4096
        states = rng.standard_normal((count + 1, 8), np.float32)
    else:
        count = 256
        frames = rng.integers(0, 256, (count + 1, 84, 84), np.uint8)
        stacks = np.maximum(np.arange(count + 1)[:, None] + np.arange(-3, 1), 0)
        states = frames[stacks]
        if workload == "images":
            states = np.ascontiguousarray(np.moveaxis(states, 1, -1))
    rewards = (np.arange(count) % 100 == 99).astype(np.float32)
    return Transitions(
        states[:-1], rng.integers(0, 4, count), rewards, states[1:], np.arange(1, count + 1) % count == 0
    )


class Contender:
    """A prioritised buffer of so many transitions, used as its documentation says, with alpha 0.6 and beta 0.4."""

    installs: ClassVar[tuple[tuple[str, ...], ...]] = ()  # the arguments of each `pip install`
    environment: ClassVar[str] = ""  # the contender whose environment it shares
    distributions: ClassVar[tuple[str, ...]] = ()  # whose versions are reported
    largest: ClassVar[int] = 10_000_000  # transitions; some need too much memory, or too much time to fill
    only_updated: ClassVar[bool] = False  # a draw must be followed by its update

    def __init__(self, capacity: int, like: Transitions, options: dict[str, Any]) -> None:
        self.capacity, self.like, self.options = capacity, like, options
        self.open()

    def open(self) -> None:
        """Import the library and make the buffer."""
        raise NotImplementedError

    def add(self, state: Any, action: int, reward: float, next_state: Any, done: bool) -> None:
        raise NotImplementedError

    def add_batch(self, batch: Transitions) -> None:
        """One call of the library, where it has one."""
        for row in batch.rows():
            self.add(*row)

    def sample(self, count: int) -> Any:
        """Draw a batch of all fields with its weights. Returns what `update` needs."""
        raise NotImplementedError

    def update(self, drawn: Any, errors: Any) -> None:
        """Priorities from TD errors, which `errors` has brought into the library's form."""
        raise NotImplementedError

    def errors(self, values: NDArray[np.float32]) -> Any:
        return values

    def fill(self) -> None:
        for start in range(0, self.capacity, len(self.like)):
            self.add_batch(self.like.first(min(len(self.like), self.capacity - start)))
