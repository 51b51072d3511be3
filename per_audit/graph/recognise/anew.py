"""Objects that begin anew: whether it is the one drawn from, and whenever that was drawn from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.interpret.roles import name_of
from per_audit.graph.interpret.targets import BUILDERS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from per_audit.graph.interpret import events as ev
    from per_audit.graph.model import ReplayBuffer, ReplayGraph

_FAR = 3  # calls from an update to the draw, or to what begins anew
_Place = tuple[str, ir.Node, "ev.Owner"]
_Branch = tuple[ir.Node, bool]


def empties(graph: ReplayGraph, buffer: ReplayBuffer, evict: ev.Evict) -> bool:
    """Whether what empties a container empties that of the buffer, each time that it was drawn from.

    Containers are those of a class: what begins anew may be another object of it, or this one in a rare case.
    """
    if evict.anew is None:
        return True
    draws: list[_Place] = [(buffer.path, draw, buffer.function) for draw in buffer.draws]
    updates = draws + [(site.path, site.node, site.function) for site in _callers(graph, buffer.function)]
    resets: list[_Place] = [(evict.path, evict.node, evict.function)]
    return _is_named(graph, updates, evict) and _follows(graph, updates, resets, _FAR)


def _callers(graph: ReplayGraph, function: ev.Owner) -> list[ev.CallSite]:
    """The calls of a function, and those of what makes them."""
    found: list[ev.CallSite] = []
    functions: list[ev.Owner] = [function]
    for _ in range(_FAR):
        sites = [site for f in functions if f is not None for site in graph.callers.get(f, ()) if site not in found]
        found += sites
        functions = [site.function for site in sites]
    return found


def _is_named(graph: ReplayGraph, updates: list[_Place], evict: ev.Evict) -> bool:
    """Whether what begins anew is called as what is drawn from; an object that empties itself, where it is told to."""
    if evict.anew is None or evict.container.node in set(ir.walk(evict.node)):
        return True  # the container itself
    names = {name_of(part) for _, node, _ in updates for part in ir.walk(node) if isinstance(part, (ir.Name, ir.Attr))}
    objects: list[ir.Expr] = [evict.anew]
    function = evict.function
    own = function.parameters[:1] if isinstance(function, ir.Function) else []
    if any(name_of(evict.anew) == parameter.name for parameter in own):
        calls = [site.node.func for site in graph.callers.get(function, ())]
        objects = [called.value for called in calls if isinstance(called, ir.Attr)]
    return any(name_of(item) in names for item in objects)


def _follows(graph: ReplayGraph, updates: list[_Place], resets: list[_Place], far: int) -> bool:
    """Whether one of the places, or a call that leads there, is beside an update, under no test of its own."""
    known = {(path, function) for path, _, function in updates}
    taken = {branch for path, node, _ in updates for branch in _branches(graph, path, node)}
    for path, node, function in resets:
        if not taken.issuperset(_branches(graph, path, node)):
            continue
        sites = graph.callers.get(function, ()) if far and function is not None else ()
        outer: list[_Place] = [
            (site.path, site.node, site.function)
            for site in sites
            if getattr(site.function, "name", "") not in BUILDERS  # the first time
        ]
        if (path, function) in known or _follows(graph, updates, outer, far - 1):
            return True
    return False


def _branches(graph: ReplayGraph, path: str, node: ir.Node) -> Iterator[_Branch]:
    """The tests around a node in its function, each with how it has turned out."""
    below = node
    for around in graph.ancestors(path, node):
        if isinstance(around, ir.Function):
            return
        if isinstance(around, (ir.If, ir.IfExp)) and below is not around.test:
            yield around, below in around.body if isinstance(around.body, list) else below is around.body
        below = around
