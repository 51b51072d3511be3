"""Random numbers that are searched for to choose one of a list that is at hand: an opponent, a level; no transition."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.interpret.known.externals import SEARCHES

if TYPE_CHECKING:
    from per_audit.graph.interpret import events as ev
    from per_audit.graph.model import ReplayGraph


def is_of_listed(graph: ReplayGraph, mass: ev.Mass) -> bool:
    """Whether all that a function does with the position that it finds is to read lists there that it alone has.

    What an object keeps is none of them, nor is a position that anybody else is told.
    """
    function = mass.function
    walks = not mass.compared_in.isdisjoint(mass.reduced_in)
    if not mass.searched or walks or not isinstance(function, ir.Function):
        return False
    parents, nodes = graph.parents(mass.path), list(ir.walk_scope(function.body))
    searches = (node for node in nodes if isinstance(node, ir.Call) and ir.last_name(node.func) in SEARCHES)
    found = [node for node in searches if ("index", mass.node) in graph.events.value(node).tags]
    uses: list[ir.Node] = []
    for call in found:
        around = parents.get(call)
        target = around.targets[0] if isinstance(around, ir.Assign) and len(around.targets) == 1 else None
        if isinstance(target, ir.Name):
            uses += [n for n in nodes if isinstance(n, ir.Name) and n is not target and n.id == target.id]
        else:
            uses.append(call)
    return bool(uses) and all(_is_of_name(parents.get(use), use) for use in uses)


def _is_of_name(around: ir.Node | None, use: ir.Node) -> bool:
    """Whether a position is what a list is read at that the function has a name for."""
    return isinstance(around, ir.Sub) and around.index is use and isinstance(around.value, ir.Name)
