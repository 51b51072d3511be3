"""Whole numbers that are known without running: constants, what names and parameters stand for, defaults of options."""

from __future__ import annotations

from math import log
from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.interpret.roles import name_of

if TYPE_CHECKING:
    from per_audit.graph import ReplayGraph

_MAX_DEPTH = 12
_MOST = 10**12
_CASTS = ("int", "round", "float")
_ARITHMETIC = ("+", "-", "*", "//", "/", "**")


def number(graph: ReplayGraph, path: str, node: ir.Expr) -> int | None:
    """The positive whole number that an expression is, None where it is not known.

    A parameter is the largest number that a call gives it: training starts from several commands, and a schedule that
    is too long for one of them is better than one that is over before another has begun.
    """
    value = _value(graph, path, node, 0)
    return int(value) if value is not None and 0 < value < _MOST else None


def _value(graph: ReplayGraph, path: str, node: ir.Expr, depth: int) -> float | None:
    if depth > _MAX_DEPTH:
        return None
    if isinstance(node, ir.Call) and name_of(node.func) in _CASTS:
        return _value(graph, path, node.args[0].value, depth + 1) if len(node.args) == 1 else None
    if isinstance(node, ir.Bin):
        return _computed(graph, path, node, depth)
    if isinstance(node, ir.Name):
        sources, function = _sources(graph, path, node)
        if function is not None and not sources:
            return _given(graph, path, function, node.id, depth)
        if len(sources) == 1 and sources[0] is not None:
            return _value(graph, path, sources[0], depth + 1)
    if isinstance(node, ir.Attr):
        option = _default_of(graph, path, node.attr)
        if option is not None:
            return option
    return _constant(graph.events.value(node).literal())


def _constant(value: object) -> float | None:
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < _MOST else None


def _computed(graph: ReplayGraph, path: str, node: ir.Bin, depth: int) -> float | None:
    if node.op not in _ARITHMETIC:
        return None
    left, right = _value(graph, path, node.left, depth + 1), _value(graph, path, node.right, depth + 1)
    if left is None or right is None:
        return None
    if node.op in ("+", "-"):
        return left + right if node.op == "+" else left - right
    if node.op in ("//", "/"):
        return (left // right if node.op == "//" else left / right) if right else None
    if node.op == "*":
        return left * right
    return left**right if left >= 1 and right >= 0 and right * log(left) < log(_MOST) else None


def _sources(graph: ReplayGraph, path: str, name: ir.Name) -> tuple[list[ir.Expr | None], ir.Function | None]:
    """What a name is assigned in the innermost scope that binds it, and the function where it is a parameter there.

    An item is None for what binds it in another way.
    """
    scopes = [node for node in graph.ancestors(path, name) if isinstance(node, ir.Function)]
    for scope in [*scopes, None]:
        body = scope.body if scope is not None else graph.module(path).body
        found = [source for node in ir.walk_scope(body) for source in _bound(node, name.id)]
        is_parameter = scope is not None and any(each.name == name.id for each in scope.parameters)
        if found or is_parameter:
            return ([*found, None] if found and is_parameter else found), scope if is_parameter else None
    return [None], None


def _bound(node: ir.Node, name: str) -> list[ir.Expr | None]:
    if isinstance(node, ir.Assign):
        return [node.value if isinstance(target, ir.Name) else None for target in node.targets if _binds(target, name)]
    targets = [node.target] if isinstance(node, (ir.Aug, ir.For, ir.WithItem, ir.Walrus)) and node.target else []
    return [None for target in targets if _binds(target, name)]


def _binds(target: ir.Expr, name: str) -> bool:
    items = target.items if isinstance(target, ir.Seq) else [target]
    return any(isinstance(item, ir.Name) and item.id == name for item in items)


def _given(graph: ReplayGraph, path: str, function: ir.Function, name: str, depth: int) -> float | None:
    """The largest number that calls give a parameter; one with `**options` may leave it at its default."""
    position = [each.name for each in function.parameters].index(name)
    parameter = function.parameters[position]
    if parameter.kind:
        return None
    found: list[float] = []
    sites = graph.callers.get(function, [])
    for site in sites:
        is_bound = any(func.node is function and func.owner is not None for func in site.targets)
        argument = site.node.argument(position - is_bound, name)
        is_given = argument is not None
        if argument is None:
            argument = parameter.default
        value = _value(graph, site.path if is_given else path, argument, depth + 1) if argument is not None else None
        if value is None:
            return None
        found.append(value)
    if not sites and parameter.default is not None:
        return _value(graph, path, parameter.default, depth + 1)
    return max(found, default=None)


def _default_of(graph: ReplayGraph, path: str, name: str) -> float | None:
    """The default of a command-line option that the file declares."""
    wanted = {f"--{name}", f"--{name.replace('_', '-')}"}
    for site in graph.events.calls.values():
        func = site.node.func
        if site.path != path or not isinstance(func, ir.Attr) or func.attr != "add_argument":
            continue
        flags = {arg.value.value for arg in site.node.args if isinstance(arg.value, ir.Const)}
        default = site.node.keyword("default")
        if wanted & flags and default is not None:
            return _constant(graph.events.value(default.value).literal())
    return None
