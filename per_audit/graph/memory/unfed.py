"""Memories that a program draws from and never fills one by one: all that it reads comes from a data set."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir

if TYPE_CHECKING:
    from per_audit.graph.interpret import events as ev
    from per_audit.graph.model import ReplayBuffer, ReplayGraph

_FAR = 4  # calls from a method to what stores


def is_never_fed(graph: ReplayGraph, buffer: ReplayBuffer) -> bool:
    """Whether the program draws from a buffer, and nothing of it ever calls what stores into it."""
    if not buffer.stores or not buffer.samples or not all(_is_idle(graph, store.function) for store in buffer.stores):
        return False
    return any(not _is_idle(graph, site.function) for site in buffer.samples)


def is_of_nobody(graph: ReplayGraph, function: ev.Owner) -> bool:
    """Whether a function is a method that nothing calls: each call of its name is of another class's.

    What a class inherits from a library may call its methods.
    """
    cls = graph.project.class_of.get(function) if isinstance(function, ir.Function) else None
    if not isinstance(function, ir.Function) or cls is None or function.decorators:
        return False
    if function.name.startswith("__") or graph.callers.get(function) or graph.classes.external_bases(cls):
        return False
    return all(
        node in graph.resolved
        for module in graph.project.modules.values()
        if function.name.encode() in module.text
        for node in module.nodes_of(ir.Attr)
        if isinstance(node, ir.Attr) and node.attr == function.name
    )


def _is_idle(graph: ReplayGraph, function: ev.Owner, depth: int = _FAR) -> bool:
    """Whether nothing calls a method, or only methods do that nothing calls."""
    if function is None:
        return False
    sites = graph.callers.get(function, ())
    if not sites or not depth:
        return is_of_nobody(graph, function)
    return all(_is_idle(graph, site.function, depth - 1) for site in sites)
