"""Which of the buffers that one name may stand for a line of code belongs to."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from per_audit.facts import ir
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
