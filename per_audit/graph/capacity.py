"""How many transitions a container is made to hold, where the code says so in numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.symbolic import Term, alternatives, strip

if TYPE_CHECKING:
    from collections.abc import Iterable

    from per_audit.graph.model import ReplayGraph
    from per_audit.graph.values import Alloc

_DEEPEST = 5


def capacity_of(graph: ReplayGraph, containers: Iterable[Alloc]) -> int | None:
    """The largest capacity that a number in the project gives to one of the containers; None where none is readable.

    It is read from the limit of a deque, the size of an array, and tests that compare a container's length with a
    number; parameters and attributes are followed to the callers and assignments.
    """
    found: list[int] = []
    for container in containers:
        path = graph.path_of(container.node)
        if path is not None:
            sizes = [*_declared(graph, container, path), *_compared(graph, container)]
            found += [number for term in sizes for number in _numbers(graph, term)]
    return max(found) if found else None


def _declared(graph: ReplayGraph, container: Alloc, path: str) -> list[Term]:
    """The terms of the size that the container is made with."""
    node = container.node
    if isinstance(node, ir.Bin):  # [None] * capacity
        return [graph.symbols.term(path, side) for side in (node.left, node.right) if not isinstance(side, ir.Seq)]
    if not isinstance(node, ir.Call):
        return []
    if container.kind == "deque":
        limit = node.argument(1, "maxlen") or node.argument(None, "maxsize")
        return [graph.symbols.term(path, limit)] if limit is not None else []
    first = node.argument(0, "shape")
    if isinstance(first, ir.Seq):
        first = first.items[0] if first.items else None
    return [graph.symbols.term(path, first)] if first is not None and container.kind == "array" else []


def _compared(graph: ReplayGraph, container: Alloc) -> list[Term]:
    """What the length of the container is compared with where something is taken out of it."""
    found: list[Term] = []
    for evict in graph.events.evictions.values():
        if evict.container != container:
            continue
        for around in graph.ancestors(evict.path, evict.node):
            if isinstance(around, (ir.Function, ir.Lambda)):
                break
            if isinstance(around, (ir.If, ir.While)) and isinstance(around.test, ir.Cmp):
                sides = (around.test.left, *around.test.rights)
                if any(_is_length(side) for side in sides):
                    found += [graph.symbols.term(evict.path, side) for side in sides if not _is_length(side)]
    return found


def _is_length(node: ir.Expr) -> bool:
    return isinstance(node, ir.Call) and isinstance(node.func, ir.Name) and node.func.id == "len"


def _numbers(graph: ReplayGraph, term: Term, depth: int = _DEEPEST) -> list[int]:
    """The numbers that a term may be: a size, or the product of a size with a small factor."""
    found: list[int] = []
    for option in alternatives(strip(term)):
        number = option.number
        if number is not None:
            if 0 < number < 1e12:
                found.append(int(number))
        elif option.op in ("param", "field") and depth:
            found += [n for outer in graph.symbols.options(option) for n in _numbers(graph, outer, depth - 1)]
    return found
