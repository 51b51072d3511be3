"""How many transitions a run of the program stores at most, where its loops are counted out in numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.episodes.limits import rounds
from per_audit.graph.memory.capacity import capacity_of, number_of

if TYPE_CHECKING:
    from per_audit.graph.interpret import events as ev
    from per_audit.graph.interpret.values import Alloc
    from per_audit.graph.model import ReplayBuffer, ReplayGraph

_FAR, _MOST = 6, 8  # calls from the start of the program to the store, and calls of one function, that are followed


def never_full(graph: ReplayGraph, buffer: ReplayBuffer) -> int | None:
    """The number of transitions that a run stores at most, where each container of the buffer has room for them all.

    None where it is not known, or too many. An option of the command line is what it is where nobody gives it.
    """
    counts = [most_stored(graph, buffer, container) for container in buffer.containers]
    known = [count for count in counts if count is not None]
    if not known or len(known) < len(counts):
        return None
    room = [capacity_of(graph, (container,)).usual or 0 for container in buffer.containers]
    return max(known) if min(room) >= max(known) else None


def most_stored(graph: ReplayGraph, buffer: ReplayBuffer, container: Alloc) -> int | None:
    """How many items a run puts into a container of the buffer at most; None where that cannot be told."""
    total = 0
    for store in buffer.stores:
        if store.container == container:
            count = _times(graph, store.path, store.node, frozenset())
            if count is None:
                return None
            total += count
    return total or None


def _times(graph: ReplayGraph, path: str, node: ir.Node, seen: frozenset[ev.Owner]) -> int | None:
    """How often a run comes by a node at most."""
    loops: list[ir.For | ir.While] = []
    for around in graph.ancestors(path, node):
        if isinstance(around, (ir.Lambda, ir.Comp)):
            return None
        if isinstance(around, ir.Function):
            break
        if isinstance(around, (ir.For, ir.While)):
            loops.append(around)
    times = _passes(graph, path, loops)
    function = graph.symbols.function_of(path, node)
    if function is None or times is None:
        return times
    if not isinstance(function, ir.Function) or function in seen or len(seen) == _FAR:
        return None
    sites = graph.callers.get(function, [])
    if not sites:  # a function that nobody calls is started by hand; who calls a method is not seen
        return times if graph.project.class_of.get(function) is None else None
    if len(sites) > _MOST:
        return None
    total = 0
    for site in sites:
        count = _times(graph, site.path, site.node, seen | {function})
        if count is None:
            return None
        total += count
    return times * total


def _passes(graph: ReplayGraph, path: str, loops: list[ir.For | ir.While]) -> int | None:
    """How often the innermost of some loops is gone through; a loop around it may count its passes."""
    times, outer = 1, loops
    for number, loop in enumerate(loops):
        limit = _counts(loop, loops[0]) if isinstance(loop, ir.While) else None
        count = number_of(graph, path, limit).usual if limit is not None else None
        if count is not None:
            times, outer = count, loops[number + 1 :]
            break
    for loop in outer:
        turns = rounds(graph, path, loop)
        if turns is None:
            return None
        times *= int(turns)
    return times


def _counts(loop: ir.While, inner: ir.For | ir.While) -> ir.Expr | None:
    """What a loop counts up to, `while step < limit`, one for each pass of a loop inside of it, or of itself."""
    test = loop.test
    if not isinstance(test, ir.Cmp) or test.ops not in (["<"], ["<="]) or not isinstance(test.left, ir.Name):
        return None
    counted = any(
        isinstance(node, ir.Aug) and node.op == "+" and getattr(node.target, "id", "") == test.left.id
        for node in inner.body
    )
    return test.rights[0] if counted else None
