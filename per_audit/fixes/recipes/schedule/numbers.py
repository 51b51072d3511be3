"""Whole numbers that are known without running: constants, what names, parameters and settings stand for."""

from __future__ import annotations

from math import log
from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.fixes.recipes.schedule import declared
from per_audit.graph.interpret.roles import name_of

if TYPE_CHECKING:
    from per_audit.graph import ReplayGraph

_MAX_DEPTH = 12
_MOST = 10**12
_CASTS = ("int", "round", "float")
_ARITHMETIC = ("+", "-", "*", "//", "/", "**")


def number(graph: ReplayGraph, path: str, node: ir.Expr) -> int | None:
    """The positive whole number that an expression is, None where it is not known.

    A parameter or setting is the largest number that it is given: training starts from several commands, and a
    schedule that is too long for one of them is better than one that is over before another has begun.
    """
    value = _value(graph, path, node, 0)
    return int(value) if value is not None and 0 < value < _MOST else None


def difference(graph: ReplayGraph, path: str, first: ir.Expr, last: ir.Expr | None = None) -> int | None:
    """How far it is from `first` to `last`, or from 0 to `first`: `count` from `begin + 1` to `begin + 1 + count`."""
    if last is None:
        return number(graph, path, first)
    begun, ended = (_summands(each) for each in (first, last))
    source = graph.module(path).source
    for part in list(begun):
        same = next((each for each in ended if source(each) == source(part)), None)
        if same is not None:
            begun.remove(part)
            ended.remove(same)
    sums = [[_value(graph, path, part, 0) for part in side] for side in (begun, ended)]
    low, high = (None if None in each else sum(part for part in each if part is not None) for each in sums)
    return None if low is None or high is None or not low < high < _MOST else int(high - low)


def _summands(node: ir.Expr) -> list[ir.Expr]:
    if isinstance(node, ir.Bin) and node.op == "+":
        return [*_summands(node.left), *_summands(node.right)]
    return [node]


def _value(graph: ReplayGraph, path: str, node: ir.Expr, depth: int) -> float | None:
    if depth > _MAX_DEPTH:
        return None
    if isinstance(node, ir.Call) and name_of(node.func) in _CASTS:
        return _value(graph, path, node.args[0].value, depth + 1) if len(node.args) == 1 else None
    if isinstance(node, ir.Call) and name_of(node.func) == "min" and len(node.args) > 1:
        bounds = [_value(graph, path, arg.value, depth + 1) for arg in node.args]
        known = [bound for bound in bounds if bound is not None]
        return min(known) if len(known) == len(bounds) else None
    if isinstance(node, ir.Bin):
        return _computed(graph, path, node, depth)
    if isinstance(node, ir.Name):
        sources, function = _sources(graph, path, node)
        if function is not None and not sources:
            return _given(graph, path, function, node.id, depth)
        if len(sources) == 1 and sources[0] is not None:
            return _value(graph, path, sources[0], depth + 1)
    if isinstance(node, ir.Attr) and (given := declared.of_attribute(graph, path, node)):
        return _largest(graph, given, depth)
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
    """The largest number that calls give a parameter; what `**options` may hold counts where no other call tells."""
    position = [each.name for each in function.parameters].index(name)
    if function.parameters[position].kind:
        return None
    default = declared.of_parameter(path, function, name)
    found: list[declared.Given] = []
    for site in graph.callers.get(function, []):
        is_bound = any(func.node is function and func.owner is not None for func in site.targets)
        argument = site.node.argument(position - is_bound, name)
        if argument is not None:
            found.append(declared.Given(site.path, argument))
        elif not any(arg.star for arg in site.node.args):
            found.append(default or declared.Given(path, None))
    return _largest(graph, found or ([default] if default is not None else []), depth)


def _largest(graph: ReplayGraph, given: list[declared.Given], depth: int) -> float | None:
    """The largest of the numbers that something is given, None where one is unknown."""
    values = [_value(graph, path, value, depth + 1) if value is not None else None for path, value in given]
    known = [value for value in values if value is not None]
    return max(known) if known and len(known) == len(values) else None
