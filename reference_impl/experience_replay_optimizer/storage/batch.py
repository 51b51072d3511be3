"""A batch of transitions, as columns and as rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray


class Batch:
    """B transitions: `.states`, `.actions`, ... are arrays with B rows; iteration gives 5-tuples.

    A 5-tuple is (state, action, reward, next_state, done); fields that are one number each are Python numbers in it.
    The arrays belong to the caller.

    Attributes:
        states, next_states: shape (B, *observation shape), dtype of the observations.
        actions: shape (B, *action shape).
        rewards: shape (B,), float32, or float64 where a reward needed it.
        dones: shape (B,), bool.
    """

    __slots__ = ("_rows", "actions", "dones", "next_states", "rewards", "states")

    def __init__(
        self,
        states: NDArray[Any],
        actions: NDArray[Any],
        rewards: NDArray[Any],
        next_states: NDArray[Any],
        dones: NDArray[Any],
    ) -> None:
        self.states = states
        self.actions = actions
        self.rewards = rewards
        self.next_states = next_states
        self.dones = dones
        self._rows: list[tuple[Any, ...]] | None = None

    def _transitions(self) -> list[tuple[Any, ...]]:
        if self._rows is None:
            columns = (self.states, self.actions, self.rewards, self.next_states, self.dones)
            # Python numbers, not numpy scalars: torch.FloatTensor([...]) takes no list of numpy.bool.
            lists = [column.tolist() if column.ndim == 1 else list(column) for column in columns]
            self._rows = list(zip(*lists))  # noqa: B905
        return self._rows

    def __len__(self) -> int:
        return len(self.rewards)

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        return iter(self._transitions())

    def __getitem__(self, at: int | slice) -> Any:
        return self._transitions()[at]

    def __repr__(self) -> str:
        return f"Batch of {len(self)} transitions, states {self.states.shape[1:]} {self.states.dtype}"
