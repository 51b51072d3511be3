"""Draws that are made again until they give what the batch does not hold yet: without replacement, by rejection."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.interpret.known.draws import same

if TYPE_CHECKING:
    from collections.abc import Iterator

    from per_audit.graph.model import ReplayBuffer, ReplayGraph

_ADDS = ("append", "add")


def redrawn(graph: ReplayGraph, buffer: ReplayBuffer) -> Iterator[tuple[ir.Cmp, str, ir.Node]]:
    """The tests whether the batch holds what was drawn, that have it drawn again: the test, its file and the draw."""
    for source in sorted(buffer.sources, key=lambda node: node.start):
        path = graph.path_of(source)
        function = graph.symbols.function_of(path, source) if path is not None else None
        asking = [(site.path, site.function) for site in graph.callers.get(function, ())]
        for where, drawing in dict.fromkeys([(path, function), *asking]):
            if where is None or not isinstance(drawing, ir.Function):
                continue
            for node in ir.walk_scope(drawing.body):
                if isinstance(node, ir.Cmp) and _rejects(graph, where, node, source):
                    yield node, where, source


def _rejects(graph: ReplayGraph, path: str, test: ir.Cmp, source: ir.Node) -> bool:
    """Whether a test decides that what was drawn is drawn anew where the list that it is added to holds it."""
    if test.ops not in (["in"], ["not in"]) or not any(
        node is source for _, node in graph.events.value(test.left).tags
    ):
        return False
    branch = next((a for a in graph.ancestors(path, test) if isinstance(a, (ir.If, ir.While, ir.Stmt))), None)
    if not isinstance(branch, (ir.If, ir.While)) or not _is_told_by(branch.test, test):
        return False
    loops = list(graph.loops_around(path, branch))
    if isinstance(branch, ir.While):
        is_again = test.ops == ["in"] and any(_gives(part, test.left) for part in ir.walk(*branch.body))
        return is_again and any(_adds(part, test) for loop in loops for part in ir.walk(*loop.body))
    # A loop that counts to the end goes on with a batch of fewer, and draws nothing anew.
    if not loops or isinstance(loops[0], ir.For):
        return False
    inside, told = list(ir.walk(*loops[0].body)), list(ir.walk(*branch.body))
    goes_on = any(isinstance(part, ir.Jump) and part.kind == "continue" for part in branch.body)
    is_kept = any(_adds(part, test) for part in (inside if test.ops == ["in"] else told))
    return is_kept and (goes_on or test.ops == ["not in"]) and any(_gives(part, test.left) for part in inside)


def _is_told_by(whole: ir.Expr, test: ir.Cmp) -> bool:
    """Whether a test holds only where one in it does."""
    if isinstance(whole, ir.Logic) and whole.op == "and":
        return _is_told_by(whole.left, test) or _is_told_by(whole.right, test)
    return whole is test


def _gives(part: ir.Node, drawn: ir.Expr) -> bool:
    return isinstance(part, ir.Assign) and any(same(target, drawn) for target in part.targets)


def _adds(part: ir.Node, test: ir.Cmp) -> bool:
    """Whether a call adds to the list what was asked for in it."""
    return (
        isinstance(part, ir.Call)
        and isinstance(part.func, ir.Attr)
        and part.func.attr in _ADDS
        and same(part.func.value, test.rights[0])
        and len(part.args) == 1
        and same(part.args[0].value, test.left)
    )
