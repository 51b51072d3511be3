"""The programs of a project, each a file that is run by itself: what one of them gives is not what another one does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.graph.libraries.buffers import is_test

if TYPE_CHECKING:
    from per_audit.facts import ir
    from per_audit.graph.interpret import events as ev
    from per_audit.graph.memory.given import Calls
    from per_audit.graph.model import ReplayGraph

_FAR, _MOST = 6, 32  # calls from the start of a program to what it runs, and programs, that are followed


def programs(graph: ReplayGraph, function: ev.Owner) -> list[Calls]:
    """The calls that each program makes of functions that several run, by the programs that come to a function.

    Empty where one program alone does, or too many do. A function that a program calls more than once is not among
    its calls.
    """
    starts = {path for path in _starts(graph, function) if not is_test(path)}
    if not 1 < len(starts) <= _MOST:
        return []
    found: list[Calls] = []
    for start in sorted(starts):
        calls: dict[ev.Owner, tuple[ir.Call, str]] = {}
        for called, sites in graph.callers.items():
            own = [site for site in sites if site.path == start]
            if len(own) == 1 < len(sites):
                calls[called] = (own[0].node, start)
        found.append(calls)
    return found


def _starts(graph: ReplayGraph, function: ev.Owner) -> set[str]:
    """The files at whose level, or in functions that nobody calls, the ways to a function begin."""
    found, seen, edge = set[str](), {function}, [function]
    for _ in range(_FAR):
        sites = [site for each in edge for site in graph.callers.get(each, ())]
        found |= {site.path for site in sites if site.function is None or not graph.callers.get(site.function)}
        edge = [each for each in dict.fromkeys(site.function for site in sites) if each not in seen]
        seen |= set(edge)
    return found
