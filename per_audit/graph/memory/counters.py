"""What tells how many items a container holds: its length, or a count that is raised where one is added."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.interpret.known.draws import same
from per_audit.graph.interpret.roles import name_of

if TYPE_CHECKING:
    from collections.abc import Set


def is_length(node: ir.Expr) -> bool:
    """Whether an expression is the length of something."""
    return isinstance(node, ir.Call) and isinstance(node.func, ir.Name) and node.func.id == "len" and bool(node.args)


def is_counter(node: ir.Expr, inside: Set[ir.Node]) -> bool:
    """Whether a name, attribute or key is raised by one among some nodes, where something is added.

    What is lowered by the length of an item is none: it counts what the items hold, such as the steps of episodes.
    """
    if not isinstance(node, (ir.Name, ir.Attr, ir.Sub)):
        return False
    changes = [part for part in inside if isinstance(part, ir.Aug) and _is_of_name(part.target, node)]
    if any(part.op == "-" and is_length(part.value) for part in changes):
        return False
    return any(p.op == "+" and isinstance(p.value, ir.Const) and p.value.value == 1 for p in changes)


def _is_of_name(one: ir.Expr, other: ir.Expr) -> bool:
    if isinstance(one, ir.Sub) and isinstance(other, ir.Sub):
        keys = one.index, other.index
        is_written = isinstance(keys[0], ir.Const) and isinstance(keys[1], ir.Const) and keys[0].value == keys[1].value
        return is_written and same(one.value, other.value)
    return type(one) is type(other) and not isinstance(one, ir.Sub) and name_of(one) == name_of(other)
