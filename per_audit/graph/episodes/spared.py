"""Transitions that are never stored with a flag: wherever it is raised, the loop is left before it comes to that."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.symbolic import strip

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from per_audit.graph.model import ReplayGraph
    from per_audit.graph.symbolic import Term


def is_spared(graph: ReplayGraph, way: Iterable[tuple[str, ir.Node]], flag: Term) -> bool:
    """Whether `if done: break` or the like stands between where a flag is told and where it is stored.

    `way` is the store and the calls that lead to it.
    """
    made = strip(flag).node
    if not isinstance(made, ir.Expr):
        return False
    told = strip(graph.symbols.term(flag.path, made))
    function = graph.symbols.function_of(flag.path, made)
    return any(
        branch.start > made.start and _asks_for(graph, path, branch.test, told)
        for path, node in way
        if path == flag.path and graph.symbols.function_of(path, node) is function
        for branch in _branches_before(graph, path, node)
    )


def is_left_before(graph: ReplayGraph, path: str, node: ir.Node, step: ir.Node, flag: str) -> bool:
    """Whether `if done: break` or the like stands between a step and a node, for the name that a flag is told under."""
    return any(
        branch.start > step.start and _holds(branch.test, flag) for branch in _branches_before(graph, path, node)
    )


def _holds(test: ir.Expr, flag: str) -> bool:
    if isinstance(test, ir.Logic) and test.op == "or":
        return _holds(test.left, flag) or _holds(test.right, flag)
    return isinstance(test, ir.Name) and test.id == flag


def _branches_before(graph: ReplayGraph, path: str, node: ir.Node) -> Iterator[ir.If]:
    """The branches in front of a node, in its pass of a loop, that go nowhere near it."""
    below = node
    for around in graph.ancestors(path, node):
        for block in (getattr(around, name, None) for name in ("body", "orelse", "final")):
            if isinstance(block, list) and below in block:
                before = block[: block.index(below)]
                yield from (each for each in before if isinstance(each, ir.If) and _leaves(each.body))
        if isinstance(around, (ir.For, ir.While, ir.Function)):
            return
        below = around


def _leaves(block: list[ir.Stmt]) -> bool:
    last = block[-1]
    return isinstance(last, (ir.Return, ir.Raise)) or (isinstance(last, ir.Jump) and last.kind in ("break", "continue"))


def _asks_for(graph: ReplayGraph, path: str, test: ir.Expr, flag: Term) -> bool:
    """Whether a test holds wherever a flag is raised."""
    if isinstance(test, ir.Logic) and test.op == "or" and _asks_for(graph, path, test.left, flag):
        return True
    return strip(graph.symbols.term(path, test)) == flag
