"""How many transitions a memory holds when it is first drawn from, as far as the program says so in numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.interpret.roles import name_of
from per_audit.graph.memory.burn_in import BurnIn
from per_audit.graph.memory.capacity import number_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from per_audit.graph.interpret import events as ev
    from per_audit.graph.model import ReplayBuffer, ReplayGraph

_FAR = 8  # calls from the training loop to the draw
_ABOVE, _BELOW = {">", ">=", "=="}, {"<", "<=", "!="}
_COUNTERS = ("range", "trange", "xrange")
_TURNED = {">": "<", ">=": "<=", "<": ">", "<=": ">=", "==": "==", "!=": "!="}


def stored_before(graph: ReplayGraph, buffer: ReplayBuffer) -> int:
    """The least number of transitions, or steps, before any draw: by tests on the way to it, or a loop that stores."""
    gated = min((_least(graph, buffer.path, node, frozenset()) for node in buffer.draws), default=0)
    return max(gated, _stored_first(graph, buffer), _burnt_in(graph, buffer))


def _least(graph: ReplayGraph, path: str, node: ir.Node, seen: frozenset[ev.Owner]) -> int:
    """What the tests around a node ask for, here and on every way to its function."""
    function = graph.symbols.function_of(path, node)
    sites = [] if function is None or function in seen or len(seen) == _FAR else graph.callers.get(function, [])
    outer = min((_least(graph, site.path, site.node, seen | {function}) for site in sites), default=0)
    return max(outer, *(_asked(graph, path, test, wanted) for test, wanted in tests_before(graph, path, node)), 0)


def tests_before(graph: ReplayGraph, path: str, node: ir.Node) -> Iterator[tuple[ir.Expr, bool]]:
    """The tests in the function of a node that it comes after or stands under, and how each turned out."""
    below = node
    for around in graph.ancestors(path, node):
        if isinstance(around, (ir.If, ir.IfExp, ir.While)) and below is not around.test:
            body = around.body if isinstance(around.body, list) else [around.body]
            yield around.test, any(below is part for part in body)
        for name in ("body", "orelse", "final"):
            block = getattr(around, name, None)
            if isinstance(block, list) and below in block:
                for earlier in block[: block.index(below)]:
                    if isinstance(earlier, ir.Assert):
                        yield earlier.test, True
                    elif isinstance(earlier, ir.If) and earlier.body and _leaves(earlier.body[-1]):
                        yield earlier.test, False
        if isinstance(around, ir.Function):
            return
        below = around


def _leaves(statement: ir.Stmt) -> bool:
    return isinstance(statement, (ir.Return, ir.Raise)) or (isinstance(statement, ir.Jump) and statement.kind != "pass")


def _asked(graph: ReplayGraph, path: str, test: ir.Expr, wanted: bool, depth: int = 2) -> int:
    """The number that something is at least where a test comes out as wanted; 0 where it says nothing of that kind."""
    if isinstance(test, ir.Un) and test.op == "not":
        return _asked(graph, path, test.operand, not wanted, depth)
    if isinstance(test, ir.Logic):
        sides = [_asked(graph, path, side, wanted, depth) for side in (test.left, test.right)]
        return max(sides) if (test.op == "and") == wanted else min(sides)
    if isinstance(test, ir.Cmp) and len(test.ops) == 1:
        left, op, right = test.left, test.ops[0], test.rights[0]
        return max(
            _number(graph, path, right) if op in (_ABOVE if wanted else _BELOW) else 0,
            _number(graph, path, left) if _TURNED.get(op) in (_ABOVE if wanted else _BELOW) else 0,
        )
    site = graph.events.calls.get(test) if isinstance(test, ir.Call) else None
    found = 0
    if site is not None and len(site.targets) == 1 and depth:
        (function,) = (target.node for target in site.targets)
        if isinstance(function, ir.Function) and len(function.body) == 1 and isinstance(function.body[0], ir.Return):
            where = graph.project.module_of[function].path
            answer = function.body[0].value
            found = 0 if answer is None else _asked(graph, where, answer, wanted, depth - 1)
    return found


def _number(graph: ReplayGraph, path: str, side: ir.Expr) -> int:
    known = number_of(graph, path, side)
    return known.largest or 0 if known.complete else 0


def _stored_first(graph: ReplayGraph, buffer: ReplayBuffer) -> int:
    """The largest number of rounds of a loop that stores and does not draw."""
    adding, drawing = {store.function for store in buffer.stores}, {buffer.function}
    most = 0
    for function, sites in graph.callers.items():
        for site in sites if function in adding else ():
            for loop in graph.ancestors(site.path, site.node):
                if isinstance(loop, (ir.For, ir.While)) and not _calls(graph, loop, drawing):
                    most = max(most, _rounds(graph, site.path, loop))
    return most


def _burnt_in(graph: ReplayGraph, buffer: ReplayBuffer) -> int:
    """The largest number of rounds of a loop that draws, in a call that keeps it from that."""
    most = 0
    for site, function, loop in BurnIn(graph, buffer, tests_before).loops():
        path = graph.project.module_of[function].path
        counted = loop.iter.args if isinstance(loop, ir.For) and isinstance(loop.iter, ir.Call) else []
        names = {arg.value.id for arg in counted if isinstance(arg.value, ir.Name)}
        taken = function.parameters[1:] if graph.symbols.takes_self(function) else function.parameters
        place = next((i for i, parameter in enumerate(taken) if parameter.name in names), None)
        if place is None:
            most = max(most, _rounds(graph, path, loop))
        elif isinstance(loop, ir.For) and name_of(getattr(loop.iter, "func", None)) in _COUNTERS and len(counted) == 1:
            passed = site.node.argument(place, taken[place].name)
            given = taken[place].default if passed is None else passed
            most = max(most, 0 if given is None else _number(graph, path if passed is None else site.path, given))
    return most


def _rounds(graph: ReplayGraph, path: str, loop: ir.For | ir.While) -> int:
    if isinstance(loop, ir.While):
        return _asked(graph, path, loop.test, False)
    counted = loop.iter
    if not isinstance(counted, ir.Call) or getattr(counted.func, "id", "") not in _COUNTERS:
        return 0
    return max((_number(graph, path, arg.value) for arg in counted.args), default=0)


def _calls(graph: ReplayGraph, loop: ir.Node, functions: set[ev.Owner]) -> bool:
    sites = (graph.events.calls.get(node) for node in ir.walk(loop) if isinstance(node, ir.Call))
    return any(
        not functions.isdisjoint(graph.reachable(func.node, 4)) for site in sites if site for func in site.targets
    )
