"""Draws from the best or the worst of what is held, which are no uniform replay, nor is the rest of their batches."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir

if TYPE_CHECKING:
    from per_audit.graph.interpret import events as ev
    from per_audit.graph.model import ReplayGraph


def of_ranked(graph: ReplayGraph) -> set[ev.Owner]:
    """The functions that draw from a part of a list which is kept in an order, such as that of its rewards."""
    draws = graph.events.draws.values()
    return {draw.function for draw in draws if draw.function is not None and _is_of_ranked(graph, draw)}


def _is_of_ranked(graph: ReplayGraph, draw: ev.Draw) -> bool:
    if not draw.node.args or graph.sorted_containers.isdisjoint(draw.containers):
        return False
    population: list[ir.Expr] = [draw.node.args[0].value]
    if isinstance(population[0], ir.Name) and draw.function is not None:
        name = population[0].id
        assigned = (n for n in ir.walk(draw.function) if isinstance(n, ir.Assign) and n.value is not None)
        population = [n.value for n in assigned if n.value and any(getattr(t, "id", "") == name for t in n.targets)]
    return bool(population) and all(isinstance(n, ir.Sub) and _is_part(n.index) for n in population)


def _is_part(index: ir.Expr) -> bool:
    """Whether a slice leaves something out: `[:]` is all there is."""
    return isinstance(index, ir.Slice) and not (index.lower is None and index.upper is None)
