"""Which of the buffers that one name may stand for a line of code belongs to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.interpret.values import Instance

if TYPE_CHECKING:
    from collections.abc import Iterable

    from per_audit.graph.interpret import events as ev
    from per_audit.graph.model import ReplayBuffer, ReplayGraph


def holder(graph: ReplayGraph, path: str, node: ir.Node, buffer: ReplayBuffer) -> ReplayBuffer:
    """The buffer of whose class the node is a part where it is none of this buffer's, else this buffer.

    What may be one of two objects is followed through both.
    """
    function = graph.symbols.function_of(path, node)
    cls = graph.project.class_of.get(function) if function is not None else None
    if cls is None or (buffer.owner is not None and cls in graph.classes.mro(buffer.owner)):
        return buffer
    mro = graph.classes.mro
    known = (*graph.buffers, *graph.twins)
    return next((other for other in known if other.owner is not None and cls in mro(other.owner)), buffer)


def name_of_filled(graph: ReplayGraph, buffer: ReplayBuffer) -> str:
    """The name for people of what holds a buffer's transitions: the heir of its class that alone fills it, if so."""
    filling = {graph.project.class_of.get(store.function) for store in buffer.stores if store.function is not None}
    heir = filling.pop() if len(filling) == 1 else None
    if heir is None or buffer.owner is None or buffer.owner not in graph.classes.mro(heir)[1:]:
        return graph.name_of(buffer)
    return graph.project.qualified(heir)


def name_of_made(graph: ReplayGraph, buffer: ReplayBuffer, store: ev.Store) -> str:
    """The name for people of what a store fills: where nothing makes the buffer, the base of it that is made."""
    filling = graph.project.class_of.get(store.function) if store.function is not None else None
    mro = graph.classes.mro
    if buffer.owner is not None and buffer.owner not in graph.made and filling is not None:
        for base in mro(buffer.owner):
            if base in graph.made and filling in mro(base):
                return graph.project.qualified(base)
    return graph.name_of(buffer)


def name_around(graph: ReplayGraph, path: str, node: ir.Node, buffer: ReplayBuffer) -> str:
    """The name for people of what a line of code belongs to: a memory of its own that the buffer wraps, if so."""
    function = graph.symbols.function_of(path, node)
    cls = graph.project.class_of.get(function) if function is not None else None
    mro = graph.classes.mro
    filling = {graph.project.class_of.get(store.function) for store in buffer.stores if store.function is not None}
    is_memory = cls is not None and not filling.isdisjoint(mro(cls))
    if cls is None or not is_memory or buffer.owner is None or cls in mro(buffer.owner):
        return graph.name_of(buffer)
    return graph.project.qualified(cls)


def called(graph: ReplayGraph, calls: Iterable[ir.Node], buffer: ReplayBuffer) -> ReplayBuffer:
    """The buffer whose objects calls are made on that lead to code which several buffers inherit, else this buffer."""
    classes = _called_on(graph, calls)
    if buffer.owner is None or buffer.owner in classes:
        return buffer
    mro = graph.classes.mro
    kin = set(mro(buffer.owner))
    known = (other for other in (*graph.buffers, *graph.twins) if other.owner in classes)
    return next((other for other in known if other.owner is not None and kin.intersection(mro(other.owner))), buffer)


def name_of_called(graph: ReplayGraph, calls: Iterable[ir.Node], buffer: ReplayBuffer) -> str:
    """The name for people of the buffer that `called` tells, or of the class of its family that is no buffer known."""
    calls = tuple(calls)
    found = called(graph, calls, buffer)
    classes = _called_on(graph, calls)
    if found is not buffer or buffer.owner is None or buffer.owner in classes:
        return graph.name_of(found)
    mro = graph.classes.mro
    kin = set(mro(buffer.owner))
    beside = [cls for cls in classes if cls not in kin and kin.intersection(mro(cls)) and buffer.owner not in mro(cls)]
    return graph.project.qualified(beside[0]) if len(beside) == 1 else graph.name_of(buffer)


def _called_on(graph: ReplayGraph, calls: Iterable[ir.Node]) -> set[ir.Class]:
    """The classes of the objects that calls are made on."""
    sites = graph.events.calls
    atoms = (
        atom for call in calls if isinstance(call, ir.Call) and call in sites for atom in sites[call].receiver.atoms
    )
    return {atom.node for atom in atoms if isinstance(atom, Instance)}
