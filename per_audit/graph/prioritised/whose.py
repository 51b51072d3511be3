"""Which of the buffers that one name may stand for a line of code belongs to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.interpret.values import Instance

if TYPE_CHECKING:
    from collections.abc import Iterable

    from per_audit.graph.model import ReplayBuffer, ReplayGraph


def holder(graph: ReplayGraph, path: str, node: ir.Node, buffer: ReplayBuffer) -> ReplayBuffer:
    """The buffer of whose class the node is a part where it is none of this buffer's, else this buffer.

    What may be one of two objects is followed through both.
    """
    function = graph.symbols.function_of(path, node)
    cls = graph.project.class_of.get(function) if function is not None else None
    if cls is None or (buffer.owner is not None and cls in graph.interpreter.mro(buffer.owner)):
        return buffer
    mro = graph.interpreter.mro
    known = (*graph.buffers, *graph.twins)
    return next((other for other in known if other.owner is not None and cls in mro(other.owner)), buffer)


def called(graph: ReplayGraph, calls: Iterable[ir.Node], buffer: ReplayBuffer) -> ReplayBuffer:
    """The buffer whose objects calls are made on that lead to code which several buffers inherit, else this buffer."""
    sites = graph.events.calls
    atoms = (
        atom for call in calls if isinstance(call, ir.Call) and call in sites for atom in sites[call].receiver.atoms
    )
    classes = {atom.node for atom in atoms if isinstance(atom, Instance)}
    if buffer.owner is None or buffer.owner in classes:
        return buffer
    mro = graph.interpreter.mro
    kin = set(mro(buffer.owner))
    known = (other for other in (*graph.buffers, *graph.twins) if other.owner in classes)
    return next((other for other in known if other.owner is not None and kin.intersection(mro(other.owner))), buffer)
