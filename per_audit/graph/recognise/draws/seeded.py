"""Draws of what is put into a memory before the training: a choice that is made once, and learns nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir

if TYPE_CHECKING:
    from per_audit.graph.interpret import events as ev
    from per_audit.graph.model import ReplayGraph

_ADDS = ("append", "extend")


def is_of_seeds(graph: ReplayGraph, draw: ev.Draw) -> bool:
    """Whether what is drawn, by a function that returns nothing and is called outside of loops, goes into a memory."""
    function = draw.function
    if not isinstance(function, ir.Function) or function.name.startswith("__"):
        return False
    sites = graph.callers.get(function, ())
    if not sites or any(_is_in_loop(graph, site.path, site.node) for site in sites):
        return False
    if _is_in_loop(graph, draw.path, draw.node):
        return False
    if any(isinstance(node, ir.Return) and node.value is not None for node in ir.walk_scope(function.body)):
        return False
    into = [
        store
        for store in graph.events.stores.values()
        if store.function is function
        and store.how in _ADDS
        and draw.node in store.value.tagged("draw") | store.value.tagged("index")
        and store.container not in draw.containers
        and _is_attribute(store)
    ]
    return bool(into) and not any(map(graph.learns, graph.reachable(function, 2)))


def _is_attribute(store: ev.Store) -> bool:
    """Whether the container that is added to is an attribute, which others read."""
    func = store.node.func if isinstance(store.node, ir.Call) else None
    return isinstance(func, ir.Attr) and isinstance(func.value, ir.Attr)


def _is_in_loop(graph: ReplayGraph, path: str, node: ir.Node) -> bool:
    for around in graph.ancestors(path, node):
        if isinstance(around, (ir.For, ir.While)):
            return True
        if isinstance(around, ir.Function):
            return False
    return False
