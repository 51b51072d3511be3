"""Rows that carry their own priority: the first item of what a heap holds, of which the smallest are drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.graph.prioritised.priorities.writes import Step
from per_audit.graph.symbolic import strip

if TYPE_CHECKING:
    from per_audit.graph.prioritised.anatomy import Anatomy
    from per_audit.graph.prioritised.priorities.writes import PriorityWrite


def is_drawn_by_row(anatomy: Anatomy) -> bool:
    """Whether the rows with the largest priorities are taken in the order of the rows themselves."""
    draws = [anatomy.events.draws[node] for node in anatomy.buffer.draws if node in anatomy.events.draws]
    calls = [draw.node for draw in draws]
    return anatomy.about.is_greedy and not any(call.keyword("key") or len(call.args) > 2 for call in calls)


def keys(anatomy: Anatomy) -> list[PriorityWrite]:
    """The first item of each row that is stored, followed outwards; what is negated for a heap without its sign."""
    found: list[PriorityWrite] = []
    for store in anatomy.buffer.stores if is_drawn_by_row(anatomy) else ():
        row = anatomy.symbols.term(store.path, store.expression)
        if row.op == "tuple" and len(row.args) > 1:
            first = strip(row.args[0])
            value = first.args[0] if first.op == "neg" else first
            found += anatomy.written.outwards(store, value, None, (Step(store.node, store.path),), (store.function,))
    return found
