"""Draws by which a memory that is drawn from by priority is filled: what a loss sees is chosen by the later draw."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir

if TYPE_CHECKING:
    from collections.abc import Iterable

    from per_audit.graph.model import ReplayBuffer, ReplayGraph

_DEEPEST = 3  # functions that call one another


def is_moved_on(graph: ReplayGraph, buffer: ReplayBuffer, prioritised: Iterable[ReplayBuffer]) -> bool:
    """Whether a function draws rows to put them into a memory that is drawn from by priority, and for nothing else.

    It gives nothing back, and neither it nor what it calls learns.
    """
    function = buffer.function
    if not isinstance(function, ir.Function) or not function.body:
        return False
    kept = {container for other in prioritised for container in other.containers} - buffer.containers
    if not kept or any(isinstance(node, ir.Return) and node.value for node in ir.walk_scope(function.body)):
        return False
    reached = graph.reachable(function, _DEEPEST)
    return not any(map(graph.learns, reached)) and any(
        store.container in kept and store.function in reached and store.value.tagged("draw") & buffer.sources
        for store in graph.events.stores.values()
    )
