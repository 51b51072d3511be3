"""Draws of places from which a window is read: several steps in a row, or every so many, rather than one of each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.interpret.values import Ints

if TYPE_CHECKING:
    from per_audit.graph.model import ReplayGraph

_COUNTING = {"arange": 0, "range": 0, "slice": 0, "islice": 1}  # each with the place of where it begins


def begins_windows(graph: ReplayGraph, path: str, draw: ir.Node) -> bool:
    """Whether the file counts on from what a draw gives: `starts[:, None] + np.arange(length)`, `rows[at : at + n]`."""

    def is_drawn(part: ir.Expr | None) -> bool:
        return draw in graph.events.value(part).tagged("index")

    module = graph.module(path)
    if any(is_drawn(part.index.lower) for part in module.nodes_of(ir.Sub) if isinstance(part.index, ir.Slice)):
        return True
    for node in module.nodes_of(ir.Call):
        first = _COUNTING.get(ir.last_name(node.func) or "", len(node.args))
        if len(node.args) > first + 1 and is_drawn(node.args[first].value):
            return True
    return any(
        node.op == "+" and any(map(is_drawn, sides)) and any(Ints() in graph.events.value(side).atoms for side in sides)
        for node in module.nodes_of(ir.Bin)
        for sides in [(node.left, node.right)]
    )
