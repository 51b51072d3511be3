"""Arrays whose first axes are no positions: those of a row for each of several environments, `rows[:, at] = ...`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.symbolic import Term

if TYPE_CHECKING:
    from collections.abc import Sequence

    from per_audit.graph.interpret.values import Alloc
    from per_audit.graph.model import ReplayGraph


def beside(graph: ReplayGraph, container: Alloc) -> list[ir.Expr]:
    """The sizes of the axes before that of the positions: what is stored takes all of them at once."""
    node = container.node
    shape = node.argument(0, "shape") if isinstance(node, ir.Call) and container.kind == "array" else None
    if not isinstance(shape, ir.Seq):
        return []
    stores = [s for s in graph.events.stores.values() if s.container == container and s.how == "index"]
    counts = {whole_axes(store.index) for store in stores}
    count = counts.pop() if len(counts) == 1 else 0
    return shape.items[:count] if count < len(shape.items) else []


def whole_axes(index: ir.Expr | None) -> int:
    """How many axes an index takes as they are before the first of which it takes a part."""
    parts = index.items if isinstance(index, ir.Seq) else []
    for number, part in enumerate(parts):
        if not isinstance(part, ir.Slice) or part.lower or part.upper or part.step:
            return number
    return 0


def product(graph: ReplayGraph, path: str, sizes: Sequence[ir.Expr]) -> Term:
    """The term of the sizes multiplied, of one at least."""
    first, *others = (graph.symbols.term(path, size) for size in sizes)
    for other in others:
        first = Term("mul", (first, other), None, sizes[0], path)
    return first
