"""Arrays that are only ever laid out from the front, over what they held before: data sets, and scratch space."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.interpret.values import is_observed

if TYPE_CHECKING:
    from per_audit.graph.interpret import events as ev
    from per_audit.graph.model import ReplayBuffer, ReplayGraph


def is_laid_out(graph: ReplayGraph, buffer: ReplayBuffer) -> bool:
    """Whether all that is stored begins at the first place, so that nothing is kept beside what comes later.

    A memory grows, or goes round: at least a part of it stays where it is when something new is stored.
    """
    return bool(buffer.stores) and all(
        _is_from_front(store) and not is_observed(store.value) and not _reads_back(graph, store)
        for store in buffer.stores
    )


def _is_from_front(store: ev.Store) -> bool:
    """Whether the first rows are written, or all: `rows[:n] = data`, `rows[:n, :] = data`, `rows[:] = data`."""
    if store.how != "index" or store.expression is None:
        return False
    parts = store.index.items if isinstance(store.index, ir.Seq) else [store.index]
    first, others = parts[0] if parts else None, parts[1:]
    if not isinstance(first, ir.Slice) or not (first.lower is None or _is_zero(first.lower)):
        return False
    return first.step is None and all(isinstance(other, ir.Slice) for other in others)


def _is_zero(node: ir.Expr) -> bool:
    return isinstance(node, ir.Const) and node.value == 0


def _reads_back(graph: ReplayGraph, store: ev.Store) -> bool:
    """Whether the function that stores has read what the container held: it may be put back beside what is new."""
    body = store.function.body if isinstance(store.function, ir.Function) else graph.module(store.path).body
    nodes = list(ir.walk_scope(body))
    written = {
        target.value
        for node in nodes
        if isinstance(node, ir.Assign)
        for target in node.targets
        if isinstance(target, ir.Sub)
    }
    return any(
        isinstance(node, (ir.Name, ir.Attr, ir.Sub))
        and node not in written
        and store.container in graph.events.value(node).atoms
        for node in nodes
    )
