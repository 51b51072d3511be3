"""A batch of transitions, as columns and as rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_NO_EXTRAS: Mapping[str, Any] = {}


class Batch:
    """B transitions: `.states`, `.actions`, ... are arrays with B rows; iteration gives 5-tuples.

    A 5-tuple is (state, action, reward, next_state, done); fields that are one number each are Python numbers in it.
    `batch["discount"]` is the extra column of that name. The arrays belong to the caller.

    Attributes:
        states, next_states: shape (B, *observation shape), dtype of the observations; dicts of such arrays where
            observations are dicts.
        actions: shape (B, *action shape).
        rewards: shape (B,), float32, or float64 where a reward needed it.
        dones: shape (B,), bool.
        extras: further columns by their names, B rows each.
    """

    __slots__ = ("_rows", "actions", "dones", "extras", "next_states", "rewards", "states")

    def __init__(
        self,
        states: Any,
        actions: Any,
        rewards: Any,
        next_states: Any,
        dones: Any,
        extras: Mapping[str, Any] = _NO_EXTRAS,
    ) -> None:
        self.states = states
        self.actions = actions
        self.rewards = rewards
        self.next_states = next_states
        self.dones = dones
        self.extras = extras
        self._rows: list[tuple[Any, ...]] | None = None

    def _transitions(self) -> list[tuple[Any, ...]]:
        if self._rows is None:
            columns = (self.states, self.actions, self.rewards, self.next_states, self.dones)
            self._rows = list(zip(*map(_rows, columns)))  # noqa: B905
        return self._rows

    def __len__(self) -> int:
        return len(self.rewards)

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        return iter(self._transitions())

    def __getitem__(self, at: int | slice | str) -> Any:
        if isinstance(at, str):
            try:
                return self.extras[at]
            except KeyError:
                raise KeyError(f"no extra column {at!r}; there are {sorted(self.extras)}") from None
        return self._transitions()[at]

    def __repr__(self) -> str:
        extras = f" and {', '.join(self.extras)}" if self.extras else ""
        return f"Batch of {len(self)} transitions, states {_describe(self.states)}{extras}"


def _rows(column: Any) -> list[Any]:
    if isinstance(column, dict):
        rows = zip(*map(_rows, column.values()))  # noqa: B905
        return [dict(zip(column, row)) for row in rows]  # noqa: B905
    # Python numbers, not numpy scalars: torch.FloatTensor([...]) takes no list of numpy.bool.
    rows_of: list[Any] = column.tolist() if column.ndim == 1 else list(column)
    return rows_of


def _describe(column: Any) -> str:
    if isinstance(column, dict):
        return "{" + ", ".join(f"{name}: {_describe(value)}" for name, value in column.items()) + "}"
    return f"{tuple(column.shape[1:])} {column.dtype}"
