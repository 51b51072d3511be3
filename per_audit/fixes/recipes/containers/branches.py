"""Draws in the two branches of an `if`, which are one draw: each time one of them is made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir

if TYPE_CHECKING:
    from per_audit.graph import ReplayBuffer, ReplayGraph


def alternatives(graph: ReplayGraph, buffer: ReplayBuffer) -> tuple[ir.Assign, ir.Assign] | None:
    """The two assignments of draws to one name that are the two branches of an `if`."""
    if len(buffer.draws) != 2:
        return None
    table = graph.parents(buffer.path)
    first, second = (table.get(draw) for draw in buffer.draws)
    if not isinstance(first, ir.Assign) or not isinstance(second, ir.Assign):
        return None
    choice = table.get(first)
    names = [each.targets[0] for each in (first, second) if len(each.targets) == 1]
    is_one_name = len({name.id for name in names if isinstance(name, ir.Name)}) == 1 and len(names) == 2
    is_choice = isinstance(choice, ir.If) and [choice.body, choice.orelse] in (
        [[first], [second]],
        [[second], [first]],
    )
    return (first, second) if is_one_name and is_choice else None


def drawn_at(graph: ReplayGraph, buffer: ReplayBuffer) -> ir.Node:
    """The node that the program goes through as often as it draws: the draw, or the `if` around both of them."""
    pair = alternatives(graph, buffer)
    return graph.parents(buffer.path)[pair[0]] if pair is not None else buffer.draws[0]
