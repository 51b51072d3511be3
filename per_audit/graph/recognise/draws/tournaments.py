"""Draws of a few candidates, of which the function keeps the best: what is drawn so has no equal chances."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.pipelines import learns_at

if TYPE_CHECKING:
    from per_audit.graph.interpret import events as ev
    from per_audit.graph.model import ReplayGraph

_BEST = {"max", "min"}


def is_of_candidates(graph: ReplayGraph, draw: ev.Draw) -> bool:
    """Whether several are drawn, and all that the function does with them is to look for the best.

    It goes through them, and remembers one where a number that it makes of it is above the best so far.
    """
    function, statement = draw.function, graph.statement(draw.path, draw.node)
    if not draw.items or not isinstance(function, ir.Function):
        return False
    parent = graph.parents(draw.path).get(draw.node)
    call = graph.parents(draw.path).get(parent) if isinstance(parent, ir.Arg) else None
    if isinstance(call, ir.Call):
        return _is_best(call)
    target = statement.targets[0] if isinstance(statement, ir.Assign) and statement.value is draw.node else None
    if not isinstance(target, ir.Name):
        return False
    nodes = list(ir.walk_scope(function.body))
    uses = [node for node in nodes if isinstance(node, ir.Name) and node.id == target.id and node is not target]
    return bool(uses) and all(_is_compared(graph, draw.path, use) for use in uses)


def _is_best(call: ir.Call) -> bool:
    """Whether a call is `max(candidates, key=value)`."""
    return isinstance(call.func, ir.Name) and call.func.id in _BEST and call.argument(None, "key") is not None


def _is_compared(graph: ReplayGraph, path: str, use: ir.Name) -> bool:
    """Whether a use of the candidates' name is for a loop, or for what a loop makes of them, that keeps the best."""
    parents = graph.parents(path)
    around = parents.get(use)
    call = parents.get(around) if isinstance(around, ir.Arg) else None
    if isinstance(call, ir.Call):
        return _is_best(call) or (isinstance(call.func, ir.Name) and call.func.id == "len")
    if not (isinstance(around, ir.For) and around.iter is use) and not isinstance(around, ir.Sub):
        return False
    loops = [around] if isinstance(around, ir.For) else [a for a in graph.ancestors(path, use) if isinstance(a, ir.For)]
    return bool(loops) and _keeps_best(loops[0], use.id) and not _learns(graph, loops[0])


def _learns(graph: ReplayGraph, loop: ir.For) -> bool:
    """Whether a loop learns from what it goes through, besides."""
    sites = (graph.events.calls.get(node) for node in ir.walk(*loop.body) if isinstance(node, ir.Call))
    return any(
        learns_at(site, graph.events)
        or any(graph.learns(each) for func in site.targets for each in graph.reachable(func.node, 2))
        for site in sites
        if site is not None
    )


def _keeps_best(loop: ir.For, candidates: str) -> bool:
    """Whether a test in a loop compares a number with the best so far, and gives both it and a candidate a name."""
    inside = list(ir.walk(*loop.body))
    ones = {part.id for part in ir.walk(loop.target) if isinstance(part, ir.Name)}
    ones |= {
        target.id
        for node in inside
        if isinstance(node, ir.Assign) and _is_one(node.value, candidates)
        for target in node.targets
        if isinstance(target, ir.Name)
    }
    return any(_is_raised(node, ones, candidates) for node in inside if isinstance(node, ir.If))


def _is_raised(branch: ir.If, ones: set[str], candidates: str) -> bool:
    """Whether a branch compares two numbers, makes one the other, and keeps the candidate."""
    test = branch.test
    compared = [test.left, *test.rights] if isinstance(test, ir.Cmp) else []
    sides = {side.id for side in compared if isinstance(side, ir.Name)}
    given = [part for part in branch.body if isinstance(part, ir.Assign)]
    raised = (part for part in given if _names(part) & sides and getattr(part.value, "id", None) in sides)
    kept = (
        part for part in given if _is_one(part.value, candidates) or getattr(part.value, "id", None) in ones - sides
    )
    return any(raised) and any(kept)


def _is_one(value: ir.Expr | None, candidates: str) -> bool:
    return isinstance(value, ir.Sub) and isinstance(value.value, ir.Name) and value.value.id == candidates


def _names(node: ir.Assign) -> set[str]:
    return {target.id for target in node.targets if isinstance(target, ir.Name)}
