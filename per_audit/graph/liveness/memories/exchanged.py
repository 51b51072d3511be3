"""Objects that agents of one kind give one another: what one of several kinds may hold is not what the others do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.definitions import Definitions
from per_audit.graph.interpret.values import Instance

if TYPE_CHECKING:
    from per_audit.graph.interpret import events as ev
    from per_audit.graph.model import ReplayGraph


def is_exchanged(graph: ReplayGraph, site: ev.CallSite, cls: ir.Class) -> bool:
    """Whether an attribute that a method is called of holds objects of a class by an exchange among agents alone.

    So it is of `peer.take(other.give())` where the agents are of one of several kinds, each of which makes a memory of
    its own: of which kind a population is, is said once for all of it. An agent that makes none of the class itself
    gets none.
    """
    receiver = site.node.func.value if isinstance(site.node.func, ir.Attr) else None
    holder = graph.project.class_of.get(site.function) if site.function is not None else None
    if holder is None or not isinstance(receiver, ir.Attr) or len(_classes(graph, receiver)) < 2:
        return False
    family = graph.classes.kin(holder)
    writes = [
        write
        for write in graph.events.writes.values()
        if write.attribute == receiver.attr and write.owner.node in family and cls in _classes(graph, write.expression)
    ]
    return bool(writes) and all(_is_by_peers(graph, write, holder, cls) for write in writes)


def _is_by_peers(graph: ReplayGraph, write: ev.AttributeWrite, holder: ir.Class, cls: ir.Class) -> bool:
    """Whether a method keeps what it is given, and whoever gives it an object of the class has it of a peer."""
    name, function = write.expression, write.function
    if not isinstance(name, ir.Name) or not isinstance(function, ir.Function):
        return False
    if Definitions(graph).reaching(name, write.path).parameter is None:
        return False
    found = False
    place = next(at for at, parameter in enumerate(function.parameters) if parameter.name == name.id)
    for site in graph.callers.get(function, ()):
        given = site.node.argument(place - graph.symbols.takes_self(function), name.id)
        if given is None or cls in _classes(graph, given):
            if given is None or not _is_of_peer(graph, site, given, holder):
                return False
            found = True
    return found


def _is_of_peer(graph: ReplayGraph, taking: ev.CallSite, given: ir.Expr, holder: ir.Class) -> bool:
    """Whether what is given is the answer of objects that are of the same several kinds as those that take it."""
    makers = [given]
    if isinstance(given, ir.Name):
        reached = Definitions(graph).reaching(given, taking.path)
        if reached.parameter is not None or any(places for _, places in reached.values):
            return False
        makers = [value for value, _ in reached.values]
    kinds = _kinds(taking)
    sites = [graph.events.calls.get(made) if isinstance(made, ir.Call) else None for made in makers]
    answering = [_kinds(site) if site is not None else set() for site in sites]
    return holder in kinds and len(kinds) > 1 and bool(answering) and all(each == kinds for each in answering)


def _kinds(site: ev.CallSite) -> set[ir.Class]:
    """The classes of the objects that a method may be called of."""
    return {atom.node for atom in site.receiver.atoms if isinstance(atom, Instance)}


def _classes(graph: ReplayGraph, expression: ir.Expr | None) -> set[ir.Class]:
    return {atom.node for atom in graph.events.value(expression).atoms if isinstance(atom, Instance)}
