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
        is_before = isinstance(around, ir.If) and any(each.start >= around.end for each in returns)
        if is_before and isinstance(around, ir.If) and not _leaves_or_takes_all(around, statement):
            where = draft.where(buffer.path, statement)
            raise Refused(f"what is drawn at {where} is returned where nothing was drawn as well")


def _leaves_or_takes_all(choice: ir.If, statement: ir.Stmt) -> bool:
    """Whether the other branch ends the function, or gives the name of the batch to all that is stored."""
    is_first = any(node.start <= statement.start < node.end for node in choice.body)
    other = choice.orelse if is_first else choice.body
    if not other:
        return False
    if isinstance(other[-1], (ir.Return, ir.Raise)):
        return True
    (last,) = other if len(other) == 1 else (None,)
    names = [node.targets[0] for node in (last, statement) if isinstance(node, ir.Assign) and len(node.targets) == 1]
    is_one_name = len({node.id for node in names if isinstance(node, ir.Name)}) == 1 and len(names) == 2
    value = last.value if isinstance(last, ir.Assign) else None
    is_listed = isinstance(value, ir.Call) and isinstance(value.func, ir.Name) and value.func.id in ("list", "tuple")
    return is_one_name and (is_listed or isinstance(value, (ir.Name, ir.Attr)))
