"""Transitions that are taken out of their memory again before anything is learnt from them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.libraries.buffers import is_test
from per_audit.graph.pipelines import learns_at

if TYPE_CHECKING:
    from collections.abc import Sequence

    from per_audit.graph.interpret import events as ev
    from per_audit.graph.model import ReplayBuffer, ReplayGraph

_FAR = 3  # calls from a statement to what learns


def is_erased(graph: ReplayGraph, buffer: ReplayBuffer, path: str, node: ir.Node) -> bool:
    """Whether all that is stored by way of a place goes before it is learnt from.

    The function around the place learns nothing, and wherever it is called the next statements that do something with
    the memory clear it.
    """
    function = graph.symbols.function_of(path, node)
    if not isinstance(function, ir.Function) or _learns(graph, {function}):
        return False
    clearing = _clearing(graph, buffer)
    sites = [site for site in graph.callers.get(function, ()) if not is_test(site.path)]
    return bool(clearing and sites) and all(_is_cleared_after(graph, site, clearing) for site in sites)


def _clearing(graph: ReplayGraph, buffer: ReplayBuffer) -> set[ir.Function]:
    """The functions that always empty all containers of a buffer."""
    emptied: dict[ir.Function, set[object]] = {}
    for evict in buffer.evictions:
        function, statement = evict.function, graph.statement(evict.path, evict.node)
        if evict.how == "clear" and isinstance(function, ir.Function) and statement in function.body:
            emptied.setdefault(function, set()).add(evict.container)
    return {function for function, gone in emptied.items() if gone >= buffer.containers}


def _is_cleared_after(graph: ReplayGraph, site: ev.CallSite, clearing: set[ir.Function]) -> bool:
    """Whether a call is a statement behind which the memory is cleared before anything learns."""
    statement = graph.statement(site.path, site.node)
    for following in _behind(graph, site.path, statement) if isinstance(statement, ir.Do) else ():
        called = _called(graph, following)
        if isinstance(following, ir.Do) and called & clearing:
            return True
        if not isinstance(following, (ir.Do, ir.Assign)) or _learns(graph, called) or _trains(graph, following):
            return False
    return False


def _behind(graph: ReplayGraph, path: str, statement: ir.Stmt) -> Sequence[ir.Stmt]:
    """The statements of its block that follow one."""
    around = graph.parents(path).get(statement)
    blocks = (getattr(around, name, ()) for name in ("body", "orelse")) if around else (graph.module(path).body,)
    for block in blocks:
        if statement in block:
            return [*block[block.index(statement) + 1 :]]
    return []


def _called(graph: ReplayGraph, statement: ir.Stmt) -> set[ir.Function]:
    sites = (graph.events.calls.get(part) for part in ir.walk(statement) if isinstance(part, ir.Call))
    targets = {func.node for site in sites if site is not None for func in site.targets}
    return {node for node in targets if isinstance(node, ir.Function)}


def _trains(graph: ReplayGraph, statement: ir.Stmt) -> bool:
    sites = (graph.events.calls.get(part) for part in ir.walk(statement) if isinstance(part, ir.Call))
    return any(learns_at(site, graph.events) for site in sites if site is not None)


def _learns(graph: ReplayGraph, functions: set[ir.Function]) -> bool:
    return any(graph.learns(each) for function in functions for each in graph.reachable(function, _FAR))
