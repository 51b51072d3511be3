"""Weights that are multiplied into priorities, and into nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir

if TYPE_CHECKING:
    from collections.abc import Collection

    from per_audit.graph.interpret import events as ev
    from per_audit.graph.model import ReplayGraph

_DEEPEST = 4  # names that a product goes through


def only_rates(graph: ReplayGraph, path: str, product: ir.Node, rating: Collection[ev.Owner]) -> bool:
    """Whether all that is made of a product is given to functions that write priorities."""
    return _is_given(graph, path, product, rating, _DEEPEST)


def _is_given(graph: ReplayGraph, path: str, node: ir.Node, rating: Collection[ev.Owner], depth: int) -> bool:
    """Whether an expression becomes an argument of such a function, at once or under a name that nothing else reads."""
    parents = graph.parents(path)
    around = node if isinstance(node, ir.Aug) else parents.get(node)
    while isinstance(around, (ir.Expr, ir.Arg)):
        site = graph.events.calls.get(around) if isinstance(around, ir.Call) else None
        if site is not None and site.targets:
            return all(target.node in rating for target in site.targets)
        around = parents.get(around)
    target = around.target if isinstance(around, ir.Aug) else None
    if isinstance(around, ir.Assign) and len(around.targets) == 1:
        target = around.targets[0]
    function = graph.symbols.function_of(path, node)
    if not isinstance(target, ir.Name) or not isinstance(function, ir.Function) or not depth:
        return False
    read = [
        part
        for part in ir.walk_scope(function.body)
        if isinstance(part, ir.Name) and part.id == target.id and part.start > around.end  # type: ignore[union-attr]
    ]
    return bool(read) and all(_is_given(graph, path, part, rating, depth - 1) for part in read)
