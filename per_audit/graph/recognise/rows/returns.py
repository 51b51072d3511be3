"""Rows of a state and what was earned from there on: data for a regression, as searches and rollouts leave them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.graph.interpret.roles import NEXT, REWARD, STATE
from per_audit.graph.interpret.values import Record, TupleOf

if TYPE_CHECKING:
    from per_audit.graph.interpret import events as ev
    from per_audit.graph.interpret.values import Value
    from per_audit.graph.model import ReplayBuffer

_FIELDS = 2


def holds_returns(buffer: ReplayBuffer) -> bool:
    """Whether nothing but such rows is stored."""
    return bool(buffer.stores) and all(map(_is_of_return, buffer.stores))


def _is_of_return(store: ev.Store) -> bool:
    rows = [atom for atom in store.value.atoms if isinstance(atom, (Record, TupleOf))]
    if not rows or len(rows) < len(store.value.atoms):
        return False
    return all(
        len(row.items) == _FIELDS
        and any(item.roles == {REWARD} for item in row.items)
        and any(item.roles and item.roles <= {STATE, NEXT} for item in row.items)
        and not any(map(_is_row, row.items))
        for row in rows
    )


def _is_row(value: Value) -> bool:
    return any(isinstance(atom, (Record, TupleOf)) for atom in value.atoms)
