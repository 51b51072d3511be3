"""Draws in the two branches of an `if`, which are one draw: each time one of them is made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.fixes.draft import Draft, Refused

if TYPE_CHECKING:
    from per_audit.graph import ReplayBuffer, ReplayGraph


def alternatives(graph: ReplayGraph, buffer: ReplayBuffer) -> tuple[ir.Assign, ir.Assign] | None:
    """The two assignments of draws to one name in the two branches of an `if`, which else only name constants."""
    if len(buffer.draws) != 2:
        return None
    table = graph.parents(buffer.path)
    first, second = (table.get(draw) for draw in buffer.draws)
    if not isinstance(first, ir.Assign) or not isinstance(second, ir.Assign):
        return None
    choice = table.get(first)
    names = [each.targets[0] for each in (first, second) if len(each.targets) == 1]
    is_one_name = len({name.id for name in names if isinstance(name, ir.Name)}) == 1 and len(names) == 2
    if not isinstance(choice, ir.If) or not is_one_name:
        return None
    sides = (choice.body, choice.orelse)
    is_choice = any(first in here and second in there for here, there in (sides, sides[::-1]))
    others = [node for side in sides for node in side if node not in (first, second)]
    return (first, second) if is_choice and all(map(_names_constant, others)) else None


def _names_constant(node: ir.Stmt) -> bool:
    """Whether a statement does nothing but give a name a constant: `positions = None`."""
    return isinstance(node, ir.Assign) and isinstance(node.value, ir.Const)


def drawn_at(graph: ReplayGraph, buffer: ReplayBuffer) -> ir.Node:
    """The node that the program goes through as often as it draws: the draw, or the `if` around both of them."""
    pair = alternatives(graph, buffer)
    return graph.parents(buffer.path)[pair[0]] if pair is not None else buffer.draws[0]


def refuse_behind(draft: Draft, buffer: ReplayBuffer, statement: ir.Stmt, returns: list[ir.Return]) -> None:
    """Refuse a draw in a branch behind which a batch is returned: there may be none, without weights and indices."""
    if alternatives(draft.graph, buffer) is not None:
        return
    for around in draft.graph.ancestors(buffer.path, statement):
        if around is buffer.function:
            return
        if isinstance(around, ir.If) and not around.orelse and any(each.start >= around.end for each in returns):
            where = draft.where(buffer.path, statement)
            raise Refused(f"what is drawn at {where} is returned where nothing was drawn as well")
