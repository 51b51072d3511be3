"""Positions that are drawn evenly, each between the bounds of a stratum: ranks, of which each stratum is as likely."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.recognise.draws.hindsight import counters, given, loops

if TYPE_CHECKING:
    from per_audit.graph.interpret import events as ev
    from per_audit.graph.model import ReplayGraph


def of_strata(graph: ReplayGraph) -> set[ir.Node]:
    """The draws of one position in each stratum, where what was drawn gets weights: strata that differ in size.

    Their bounds are read next to each other, `bounds[k]` and `bounds[k + 1]`. Without weights they may as well be those
    of episodes, of each of which a step is drawn.
    """
    draws = graph.events.draws.values()
    found: set[ir.Node] = {
        draw.node for draw in draws if not (draw.weighted or draw.items) and _is_between_neighbours(graph, draw)
    }
    return found & _weighed(graph) if found else found


def _is_between_neighbours(graph: ReplayGraph, draw: ev.Draw) -> bool:
    loop = next(loops(graph, draw.path, draw.node), None)
    if loop is None or not isinstance(draw.function, ir.Function):
        return False
    bounds = [given(argument.value, draw.function) for argument in draw.node.args]
    names = counters(loop)
    read = [part for part in ir.walk(*bounds) if isinstance(part, ir.Sub)]
    at = {graph.source(draw.path, part.value) for part in read if getattr(part.index, "id", None) in names}
    return bool(at) and any(graph.source(draw.path, part.value) in at and _is_next(part.index, names) for part in read)


def _is_next(index: ir.Node, names: set[str]) -> bool:
    """Whether an index is the one after that which a loop counts, or before it."""
    return (
        isinstance(index, ir.Bin)
        and index.op in ("+", "-")
        and getattr(index.left, "id", None) in names
        and isinstance(index.right, ir.Const)
        and index.right.value == 1
    )


def _weighed(graph: ReplayGraph) -> set[ir.Node]:
    """The draws of which something is raised to the power -beta."""
    return {
        draw
        for node, value in graph.events.values.items()
        if ("isw", node) in value.tags and ("odds", node) not in value.tags
        for draw in value.tagged("draw") | value.tagged("index")
    }
