"""Lists that are made with all their slots: `[None] * capacity`, `[None for _ in range(capacity)]`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir

if TYPE_CHECKING:
    from per_audit.graph import ReplayGraph
    from per_audit.graph.interpret.values import Alloc


def slots_of(graph: ReplayGraph, container: Alloc) -> ir.Expr | None:
    """How many slots a list is made with; None for what is made empty or in another way."""
    made, path = container.node, graph.path_of(container.node)
    if container.kind != "list" or path is None:
        return None
    if isinstance(made, ir.Comp) and made.kind == "list" and len(made.generators) == 1:
        counted = made.generators[0].iter
        is_range = isinstance(counted, ir.Call) and isinstance(counted.func, ir.Name) and counted.func.id == "range"
        return counted.argument(0) if is_range and isinstance(counted, ir.Call) and len(counted.args) == 1 else None
    around = made if isinstance(made, ir.Bin) else graph.parents(path).get(made)
    if not isinstance(around, ir.Bin) or around.op != "*":
        return None
    filler, length = (around.left, around.right) if isinstance(around.left, ir.Seq) else (around.right, around.left)
    return length if isinstance(filler, ir.Seq) and len(filler.items) == 1 else None
