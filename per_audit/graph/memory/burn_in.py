"""Transitions that are gathered by the very code that learns, told not to learn: `self.run(1000, train=False)`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.symbolic.settled import is_settled, outcome
from per_audit.graph.symbolic.term import Term, const

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from per_audit.graph.interpret import events as ev
    from per_audit.graph.model import ReplayBuffer, ReplayGraph

    _Tests = Callable[[ReplayGraph, str, ir.Node], Iterator[tuple[ir.Expr, bool]]]

_FAR, _DEEPEST = 4, 3
_Given = dict[str, Term]


class BurnIn:
    """Asked for the calls that fill a memory without drawing from it. `tests` are those on the way to a node."""

    def __init__(self, graph: ReplayGraph, buffer: ReplayBuffer, tests: _Tests) -> None:
        self._graph = graph
        self._tests = tests
        self._adding: set[ev.Owner] = {store.function for store in buffer.stores}
        self._drawing: set[ev.Owner] = {buffer.function}

    def loops(self) -> Iterator[tuple[ev.CallSite, ir.Function, ir.For | ir.While]]:
        """The loops that store in a call which keeps them from drawing, the first of its function to run."""
        for site in self._graph.events.calls.values():
            function = next((func.node for func in site.targets), None)
            if len(site.targets) != 1 or not isinstance(function, ir.Function):
                continue
            given = self._given(site, function, {})
            if given and self._reaches(function, self._drawing) and self._comes_first(site):
                if not self._is_off(function, given, _DEEPEST):
                    continue
                for loop in ir.walk_scope(function.body):
                    if isinstance(loop, (ir.For, ir.While)) and self._stores(function, loop, given):
                        yield site, function, loop

    def _given(self, site: ev.CallSite, function: ir.Function, outer: _Given) -> _Given:
        """The truths that a call gives parameters, or leaves them with."""
        taken = function.parameters[1:] if self._graph.symbols.takes_self(function) else function.parameters
        if any(argument.star for argument in site.node.args):
            return {}
        found: _Given = {}
        for place, parameter in enumerate(taken):
            passed = site.node.argument(place, parameter.name)
            value = parameter.default if passed is None else passed
            if isinstance(passed, ir.Name) and passed.id in outer:
                found[parameter.name] = outer[passed.id]
            elif isinstance(value, ir.Const) and (value.value is None or isinstance(value.value, bool)):
                found[parameter.name] = const(value.value)
        return {name: term for name, term in found.items() if is_settled(term)}

    def _reaches(self, function: ir.Function | ir.Lambda, wanted: set[ev.Owner]) -> bool:
        return not wanted.isdisjoint(self._graph.reachable(function, _FAR))

    def _calls(self, function: ir.Function, wanted: set[ev.Owner]) -> list[ev.CallSite]:
        """The calls in a function that lead to some of others."""
        sites = self._graph.calls_of(function)
        return [site for site in sites if any(self._reaches(func.node, wanted) for func in site.targets)]

    def _is_skipped(self, path: str, node: ir.Node, given: _Given) -> bool:
        """Whether a test that the given truths decide keeps a call from a node."""
        return any(outcome(test, given) is (not wanted) for test, wanted in self._tests(self._graph, path, node))

    def _is_off(self, function: ir.Function | ir.Lambda, given: _Given, depth: int) -> bool:
        """Whether a function does not come to draw where it is given some truths."""
        if function in self._drawing or not depth or not isinstance(function, ir.Function):
            return False
        return all(
            self._is_skipped(site.path, site.node, given)
            or all(
                isinstance(func.node, ir.Function)
                and self._is_off(func.node, self._given(site, func.node, given), depth - 1)
                for func in site.targets
                if self._reaches(func.node, self._drawing)
            )
            for site in self._calls(function, self._drawing)
        )

    def _stores(self, function: ir.Function, loop: ir.Node, given: _Given) -> bool:
        inside = set(ir.walk(loop))
        return any(
            site.node in inside and not self._is_skipped(site.path, site.node, given)
            for site in self._calls(function, self._adding)
        )

    def _comes_first(self, site: ev.CallSite) -> bool:
        """Whether no test decides on the call, and nothing draws before it in the function around it."""
        around = (each for each in self._graph.ancestors(site.path, site.node) if not isinstance(each, ir.Class))
        for each in around:
            if isinstance(each, ir.Function):
                break
            if isinstance(each, (ir.For, ir.While, ir.IfExp, ir.Comp)) or (
                isinstance(each, ir.If) and not _is_main(each)
            ):
                return False
        others = self._graph.calls_of(site.function, (site.path,))
        return all(
            other.node.start >= site.node.start
            or not any(self._reaches(func.node, self._drawing) for func in other.targets)
            or all(
                self._is_off(func.node, self._given(other, func.node, {}), _DEEPEST)
                for func in other.targets
                if isinstance(func.node, ir.Function)
            )
            for other in others
        )


def _is_main(node: ir.If) -> bool:
    return any(isinstance(part, ir.Name) and part.id == "__name__" for part in ir.walk(node.test))
