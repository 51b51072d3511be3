"""Whether a library's algorithm comes to draw at all in the training that a project gives it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.memory.capacity import number_of
from per_audit.graph.memory.ways import times

if TYPE_CHECKING:
    from per_audit.graph.libraries.buffers import LibraryBuffer
    from per_audit.graph.model import ReplayGraph


def ends_before_learning(graph: ReplayGraph, buffer: LibraryBuffer) -> bool:
    """Whether the only training has no more steps than there are before learning starts.

    What is trained more than once goes on where it was, and who is to call a function may say how many steps.
    """
    algorithm = buffer.algorithm
    if (
        algorithm is None
        or not algorithm.starts_at
        or len(buffer.training) != 1
        or not isinstance(buffer.node, ir.Call)
    ):
        return False
    (site,) = buffer.training
    is_called = site.function is None or site.function in graph.callers
    if not is_called or times(graph, site.path, site.node) != 1:
        return False
    starts, stops = buffer.node.argument(None, algorithm.starts_at), site.node.argument(0, algorithm.stops_at)
    if starts is None or stops is None:
        return False
    before = number_of(graph, buffer.path, starts)
    return before.complete and number_of(graph, site.path, stops).is_at_most(before.largest or 0)
