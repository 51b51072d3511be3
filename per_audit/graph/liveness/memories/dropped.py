"""Memories that a function draws from, and computes with what it drew, and leaves all of that behind where it ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir

if TYPE_CHECKING:
    from per_audit.graph.interpret import events as ev
    from per_audit.graph.model import ReplayBuffer, ReplayGraph

_COMPUTE = ("builtins", "itertools", "math", "numpy", "operator", "random", "statistics", "time")
_PLAIN = (ir.Assign, ir.Aug, ir.Do, ir.For, ir.If, ir.While, ir.Jump, ir.Return)
# Methods of arrays that give back another one, or a number.
_OF_ARRAYS = {"astype", "copy", "flatten", "max", "mean", "min", "ravel", "reshape", "squeeze", "sum", "tolist"}
_FAR = 4


def is_dropped(graph: ReplayGraph, buffer: ReplayBuffer) -> bool:
    """Whether nothing that the drawing function computes outlives it: a TD error that no weights are changed by, say.

    It gives values to names of its own alone, returns none, and calls nothing that learns or that is not known.
    """
    function = buffer.function
    if not isinstance(function, ir.Function) or function.decorators:
        return False
    nodes = list(ir.walk_scope(function.body))
    statements = [node for node in nodes if isinstance(node, ir.Stmt)]
    return (
        any(isinstance(node, ir.Call) and node not in graph.events.draws for node in nodes)
        and all(map(_leaves_nothing, statements))
        and all(_computes(graph, node) for node in nodes if isinstance(node, ir.Call))
    )


def _leaves_nothing(statement: ir.Stmt) -> bool:
    """Whether a statement changes nothing but names of the function, and answers with nothing."""
    if isinstance(statement, ir.Return):
        return statement.value is None
    if isinstance(statement, ir.Do):
        return isinstance(statement.value, ir.Const)
    targets = statement.targets if isinstance(statement, ir.Assign) else []
    targets = [statement.target] if isinstance(statement, (ir.Aug, ir.For)) else targets
    return isinstance(statement, _PLAIN) and all(
        isinstance(part, (ir.Name, ir.Seq, ir.Star)) for target in targets for part in _parts(target)
    )


def _parts(target: ir.Expr) -> list[ir.Expr]:
    inner = target.items if isinstance(target, ir.Seq) else [target.value] if isinstance(target, ir.Star) else []
    return [target, *(part for each in inner for part in _parts(each))]


def _computes(graph: ReplayGraph, call: ir.Call) -> bool:
    """Whether a call is one of what only computes: of numbers, or of a project's function that changes no weights."""
    site = graph.events.calls.get(call)
    if call in graph.events.draws:
        return True
    if site is None or site.classes or site.guessed is not None:
        return False
    if site.targets:
        reached = set().union(*(graph.reachable(func.node, _FAR) for func in site.targets))
        return not any(graph.learns(each) or _changes(each) for each in reached)
    if isinstance(call.func, ir.Attr) and call.func.attr in _OF_ARRAYS:
        return True
    return bool(site.names) and all(name.partition(".")[0] in _COMPUTE for name in site.names)


def _changes(function: ev.Owner) -> bool:
    """Whether a function changes something in its place: what it keeps of the last call is only put there anew."""
    body = function.body if isinstance(function, ir.Function) else []
    return any(
        isinstance(node, ir.Aug)
        or (isinstance(node, ir.Assign) and any(isinstance(target, ir.Sub) for target in node.targets))
        for node in ir.walk_scope(body)
    )
