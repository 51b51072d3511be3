"""Minima over slots that were never written, which weights are measured against."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.graph.memory.fill import starts_with_zeros

if TYPE_CHECKING:
    from collections.abc import Iterator

    from per_audit.graph.model import ReplayBuffer, ReplayGraph
    from per_audit.graph.prioritised.anatomy import WeightFormula
    from per_audit.graph.prioritised.weights.weights import Minimum, Weights


def empty_minima(graph: ReplayGraph, buffer: ReplayBuffer) -> Iterator[Minimum]:
    """The minima inside formulas of weights that are 0 until the buffer is full."""
    weights = graph.weights(buffer)
    for minimum in weights.minima():
        if not starts_with_zeros(graph, minimum.container):
            continue
        if minimum.guarded and is_normalised(weights):
            continue
        if is_dead(graph, buffer, minimum.formula):
            continue
        places = ((minimum.path, minimum.node), (minimum.formula.path, minimum.formula.node))
        if not any(graph.is_full_at(path, node, buffer, minimum.container) for path, node in places):
            yield minimum


def is_dead(graph: ReplayGraph, buffer: ReplayBuffer, formula: WeightFormula) -> bool:
    """Whether the project uses the buffer, and not the function that computes these weights."""
    function = formula.function
    return function is not None and graph.priorities(buffer).in_use and not graph.callers.get(function)


def is_normalised(weights: Weights) -> bool:
    """Whether weights are divided by the largest of themselves in the end, whatever they were measured against."""
    return any(
        division.by_weights and division.term.op == "max"
        for weight in weights.all
        for division in weights.divisions(weight)
    )
