"""The programs of a project, each a file that is run by itself: what one of them gives is not what another one does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.libraries.buffers import is_test
from per_audit.graph.liveness.memories.usage import is_of_unmade
from per_audit.graph.memory.given import Calls, class_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from per_audit.graph.interpret import events as ev
    from per_audit.graph.interpret.values import Alloc
    from per_audit.graph.model import ReplayGraph

_FAR, _MOST = 6, 32  # calls from the start of a program to what it runs, and programs, that are followed


def programs(graph: ReplayGraph, function: ev.Owner) -> list[Calls]:
    """The calls that each program makes of functions that several run, by the programs that come to a function.

    A program in which several classes call the function, such as a constructor, counts once for each of them. Empty
    where all is one, or there are too many. A function that a program calls more than once is not among its calls.
    """
    starts = {path for path in _starts(graph, function) if not is_test(path)}
    if not starts or len(starts) > _MOST:
        return []
    found = [calls for start in sorted(starts) for calls in _of_program(graph, function, start, starts)]
    return found if 1 < len(found) <= _MOST else []


def programs_making(graph: ReplayGraph, containers: Iterable[Alloc]) -> list[Calls]:
    """The programs that come to where the first of some containers is made by a function."""
    for container in containers:
        path = graph.path_of(container.node)
        made_in = graph.symbols.function_of(path, container.node) if path is not None else None
        if made_in is not None:
            return programs(graph, made_in)
    return []


def _of_program(graph: ReplayGraph, function: ev.Owner, start: str, starts: set[str]) -> list[Calls]:
    """The calls of a program, by the classes in it that call a function."""
    others = frozenset(starts - graph.project.reached([start])) if len(starts) > 1 else frozenset()
    sites = [site for site in graph.callers.get(function, ()) if site.path not in others]
    callers = {cls: site for site in sites if (cls := class_of(graph, site)) is not None}
    if len(callers) != len(sites) or len(sites) < 2:
        return [_calls(graph, start, others, frozenset())]
    made = {cls: site for cls, site in callers.items() if not is_of_unmade(graph, site.function)}
    found: list[Calls] = []
    for cls, site in (made or callers).items():
        strangers = frozenset[ir.Class | None](callers).difference(graph.classes.kin(cls))
        calls = _calls(graph, start, others, strangers)
        calls[function] = (site.node, site.path)
        found.append(calls)
    return found


def _calls(graph: ReplayGraph, start: str, others: frozenset[str], strangers: frozenset[ir.Class | None]) -> Calls:
    """The calls of a program but for those that other programs make, and classes that are strangers to its own."""
    calls = Calls()
    calls.files, calls.classes = others, strangers
    for called, sites in graph.callers.items():
        own = [site for site in sites if calls.has(graph, site)]
        begun = [site for site in own if site.path == start]
        own = begun if len(begun) == 1 else own
        if len(own) == 1 < len(sites):
            calls[called] = (own[0].node, own[0].path)
    return calls


def _starts(graph: ReplayGraph, function: ev.Owner) -> set[str]:
    """The files at whose level, or in functions that nobody calls, the ways to a function begin."""
    found, seen, edge = set[str](), {function}, [function]
    for _ in range(_FAR):
        sites = [site for each in edge for site in graph.callers.get(each, ())]
        found |= {site.path for site in sites if site.function is None or not graph.callers.get(site.function)}
        edge = [each for each in dict.fromkeys(site.function for site in sites) if each not in seen]
        seen |= set(edge)
    return found
