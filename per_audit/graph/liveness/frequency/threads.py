"""Functions that run in threads of their own, beside the code that starts them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.interpret.values import Func, Instance

if TYPE_CHECKING:
    from collections.abc import Iterator

    from per_audit.graph.interpret import events as ev
    from per_audit.graph.model import ReplayGraph

_GIVEN = {"submit": 0, "run_in_executor": 1, "start_new_thread": 0, "to_thread": 0}
_PROCESSES = ("process", "multiprocessing", "mp")
_DEEPEST = 6


@dataclass(frozen=True, slots=True)
class Thread:
    """A function that is started as a thread of this process, and the call that starts it."""

    function: ir.Function
    start: ir.Call
    path: str


def threads(graph: ReplayGraph) -> list[Thread]:
    """What is given to threads and to executors of threads, and `run` of objects that are threads, by the calls."""
    found: list[Thread] = []
    for site in graph.events.calls.values():
        given = _given(site)
        functions: set[ir.Function | ir.Lambda] = set(_bodies(graph, site))
        if given is not None:
            functions |= {atom.node for atom in graph.events.value(given).atoms if isinstance(atom, Func)}
        found += [Thread(f, site.node, site.path) for f in functions if isinstance(f, ir.Function)]
    return sorted(found, key=lambda thread: (thread.path, thread.start.start, thread.function.start))


def _bodies(graph: ReplayGraph, site: ev.CallSite) -> Iterator[ir.Function]:
    """What `start()` runs of an object whose class is a thread: its own `run`."""
    func = site.node.func
    if not isinstance(func, ir.Attr) or func.attr != "start" or site.node.args:
        return
    for atom in graph.events.value(func.value).atoms:
        if isinstance(atom, Instance) and "threading.Thread" in graph.classes.external_bases(atom.node):
            run = graph.classes.find_method(atom.node, "run")
            if run is not None:
                yield run


def _given(site: ev.CallSite) -> ir.Expr | None:
    """What a call starts as a thread; None for other calls, those that start processes included."""
    func = site.node.func
    name = func.attr if isinstance(func, ir.Attr) else func.id if isinstance(func, ir.Name) else ""
    if name == "Thread" or any(known.endswith("threading.Thread") for known in site.names):
        return site.node.argument(1, "target")
    if any(known.endswith("threading.Timer") for known in site.names):
        return site.node.argument(1, "function")
    if name not in _GIVEN or any(part in known.lower() for known in site.names for part in _PROCESSES):
        return None
    return site.node.argument(_GIVEN[name])


def runs(graph: ReplayGraph, thread: Thread) -> set[ev.Owner]:
    """What a thread may call, itself included."""
    return graph.reachable(thread.function, _DEEPEST)
