"""Functions that a program calls again and again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir

if TYPE_CHECKING:
    from per_audit.graph.interpret import events as ev
    from per_audit.graph.model import ReplayGraph

_DEEPEST = 4  # functions that call one another


def is_called_again(graph: ReplayGraph, function: ev.Owner, seen: set[ev.Owner] | None = None) -> bool:
    """Whether a call of a function is in a loop, or in a function of which that holds."""
    seen = set() if seen is None else seen
    if function is None or function in seen or len(seen) > _DEEPEST:
        return False
    seen.add(function)
    sites = graph.callers.get(function, ())
    return any(_is_repeated(graph, site) for site in sites) or any(
        is_called_again(graph, site.function, seen) for site in sites
    )


def _is_repeated(graph: ReplayGraph, site: ev.CallSite) -> bool:
    for around in graph.ancestors(site.path, site.node):
        if isinstance(around, (ir.Function, ir.Lambda)):
            return False
        if isinstance(around, (ir.For, ir.While, ir.Comp)):
            return True
    return False
