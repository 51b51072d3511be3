"""Which names of a file are those of its top level, and which a function has for itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir

if TYPE_CHECKING:
    from collections.abc import Iterator


def seen_from_top(body: list[ir.Stmt], own: frozenset[str] = frozenset()) -> Iterator[ir.Node]:
    """The nodes of a file, or of what is in it, but the names that functions have for themselves: those in `own`."""
    for node in ir.walk_scope(body):
        if not isinstance(node, ir.Name) or node.id not in own:
            yield node
        if isinstance(node, ir.Class):
            yield from seen_from_top(node.body, own)
        elif isinstance(node, ir.Function):
            yield from seen_from_top(node.body, (own | _given(node)) - _shared(node))


def _given(function: ir.Function) -> set[str]:
    """The names that a function gives values to, its parameters among them."""
    targets = (part for node in ir.walk_scope(function.body) for each in _targets(node) for part in ir.walk(each))
    return {each.name for each in function.parameters} | {part.id for part in targets if isinstance(part, ir.Name)}


def _targets(node: ir.Node) -> list[ir.Expr]:
    """The names, and what consists of names, that a node gives values to."""
    if isinstance(node, ir.Assign):
        targets = node.targets
    elif isinstance(node, (ir.Aug, ir.For, ir.Walrus)):
        targets = [node.target]
    else:
        targets = [node.target] if isinstance(node, ir.WithItem) and node.target is not None else []
    return [target for target in targets if isinstance(target, (ir.Name, ir.Seq, ir.Star))]


def _shared(function: ir.Function) -> set[str]:
    """The names that a function shares with what is around it, by `global` or `nonlocal`."""
    return {name for node in ir.walk_scope(function.body) if isinstance(node, ir.Scope) for name in node.names}
