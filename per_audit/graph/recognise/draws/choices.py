"""Draws of what a program spells out, of the numbers of actions, or in place of the best choice: not of a memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.interpret.known.draws import takes_many
from per_audit.graph.interpret.roles import name_of, words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from per_audit.graph.interpret import events as ev
    from per_audit.graph.model import ReplayGraph

_ACTIONS = {"action", "actions"}
_HOW_MANY = {"count", "dim", "dims", "n", "nb", "num", "number", "of", "size", "space", "total"}


def is_choice(draw: ev.Draw) -> bool:
    """Whether constants are drawn that stand in the call, or positions of which there are as many as actions.

    A search for settings draws the one, a policy that explores the other. The length of a column of actions is that of
    the memory.
    """
    given = draw.node.argument(0)
    if isinstance(given, ir.Seq):
        return bool(given.items) and all(map(_is_constant, given.items))
    bounds = [argument.value for argument in draw.node.args if argument.keyword in (None, "low", "high")][:2]
    return any(map(_counts_actions, bounds))


def is_table(made: ir.Node) -> bool:
    """Whether a container is written out in constants alone: where a move leads, what a card counts.

    One constant, once or again and again, holds the place of what comes later: `[None, None]`.
    """
    parts = list(_innermost(made))
    return all(map(_is_constant, parts)) and len({_spelt(part) for part in parts}) > 1


def _innermost(made: ir.Node) -> Iterator[ir.Expr]:
    """What is in a display, and in those inside of it."""
    for item in made.values if isinstance(made, ir.Map) else made.items if isinstance(made, ir.Seq) else []:
        inside = list(_innermost(item))
        yield from inside or [item]


def _spelt(part: ir.Expr) -> tuple[bool, str]:
    constant = part.operand if isinstance(part, ir.Un) else part
    return isinstance(part, ir.Un), repr(constant.value if isinstance(constant, ir.Const) else None)


def is_explored(graph: ReplayGraph, draw: ev.Draw) -> bool:
    """Whether one number is drawn where another branch of a test takes the best one: what a policy does, for once."""
    statement = graph.statement(draw.path, draw.node)
    target = statement.targets[0] if isinstance(statement, ir.Assign) else None
    if draw.items or takes_many(draw.node, draw.method) or not isinstance(target, ir.Name):
        return False
    below: ir.Node = draw.node
    for around in graph.ancestors(draw.path, draw.node):
        if isinstance(around, (ir.Function, ir.For, ir.While)):
            return False
        if isinstance(around, ir.If):
            other = around.orelse if below in around.body else around.body
            if any(_takes_best(part, target.id) for part in ir.walk_scope(other)):
                return True
        below = around
    return False


def _takes_best(node: ir.Node, name: str) -> bool:
    """Whether a statement gives a name the position of the largest."""
    if not isinstance(node, ir.Assign) or node.value is None:
        return False
    is_given = any(isinstance(target, ir.Name) and target.id == name for target in node.targets)
    calls = (part for part in ir.walk(node.value) if isinstance(part, ir.Call))
    return is_given and any(name_of(call.func) == "argmax" for call in calls)


def _is_constant(item: ir.Expr) -> bool:
    return isinstance(item.operand if isinstance(item, ir.Un) else item, ir.Const)


def _counts_actions(bound: ir.Expr) -> bool:
    """Whether an expression is called the number of actions: `n_actions`, `env.action_space.n`, `action_size - 1`."""
    if isinstance(bound, ir.Bin) and isinstance(bound.right, ir.Const):
        bound = bound.left
    named = bound.value if isinstance(bound, ir.Attr) and bound.attr == "n" else bound
    parts = set(words(name_of(named) or "")) if isinstance(named, (ir.Name, ir.Attr)) else set()
    return bool(parts & _ACTIONS and parts & _HOW_MANY) and parts <= _ACTIONS | _HOW_MANY
