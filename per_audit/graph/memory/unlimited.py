"""Limits that are switched off: a size of -1 or None by which nothing is ever taken out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.symbolic import Term, alternatives, strip

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from per_audit.graph.interpret import events as ev
    from per_audit.graph.model import ReplayGraph

_DEEPEST = 5


def is_unlimited(graph: ReplayGraph, evict: ev.Evict, stores: Iterable[ev.Store]) -> bool:
    """Whether a test around an eviction wants a limit above 0, and the program sets all limits to 0, -1 or None.

    What the stores are under as well is no limit: it switches off both.
    """
    below = evict.node
    stored = {store.node for store in stores}
    for around in graph.ancestors(evict.path, evict.node):
        if isinstance(around, (ir.Function, ir.Lambda)):
            break
        if isinstance(around, (ir.If, ir.While)) and below in around.body:
            if stored and stored.issubset(ir.walk(*around.body)):
                break
            limits = (graph.symbols.term(evict.path, limit) for limit in _limits(around.test))
            if any(_is_off(graph, limit) for limit in limits):
                return True
        below = around
    return False


def _limits(test: ir.Expr) -> Iterator[ir.Expr]:
    """What a test wants above 0: `0 < limit < len(rows)`, `limit > 0 and ...`, `limit and ...`."""
    if isinstance(test, ir.Logic) and test.op == "and":
        yield from _limits(test.left)
        yield from _limits(test.right)
    elif isinstance(test, (ir.Name, ir.Attr)):
        yield test
    elif isinstance(test, ir.Cmp):
        sides = [test.left, *test.rights]
        for one, op, other in zip(sides, test.ops, test.rights, strict=False):
            if op == "<" and _is_zero(one):
                yield other
            if op == ">" and _is_zero(other):
                yield one


def _is_zero(node: ir.Expr) -> bool:
    return isinstance(node, ir.Const) and node.value == 0


def _is_off(graph: ReplayGraph, term: Term, depth: int = _DEEPEST) -> bool:
    """Whether a term is known to be nothing above 0, by what the calls of the program give.

    A function that nobody calls may be given another limit than its default.
    """
    return all(_is_option_off(graph, option, depth) for option in alternatives(strip(term)))


def _is_option_off(graph: ReplayGraph, option: Term, depth: int) -> bool:
    if option.number is not None:
        return option.number <= 0
    if option.op == "const":
        return option.data is None or option.data is False
    if not depth or option.op not in ("param", "field"):
        return False
    outer = _given(graph, option) if option.op == "param" else graph.symbols.options(option)
    return bool(outer) and all(each is not None and _is_off(graph, each, depth - 1) for each in outer)


def _given(graph: ReplayGraph, parameter: Term) -> list[Term | None]:
    """What each call gives to a parameter, its default where the call leaves it out; None for what is not known."""
    function, name = parameter.data
    default = next((p.default for p in function.parameters if p.name == name), None)
    found: list[Term | None] = []
    for call, _, path in graph.symbols.calls_of.get(function, ()):
        given = graph.symbols.arguments(call, function, path).get(name)
        if given is None and default is not None and not _hands_on(call):
            given = graph.symbols.term(graph.project.module_of[function].path, default)
        found.append(given)
    return found


def _hands_on(call: ir.Expr) -> bool:
    """Whether what a call gives is not all written there: `make(*sizes)`."""
    return not isinstance(call, ir.Call) or any(argument.star for argument in call.args)
