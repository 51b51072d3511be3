"""What the program as it stands never runs: branches under a setting that is a constant everywhere it is given."""

from __future__ import annotations

import itertools
import operator
from functools import cached_property
from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.symbolic import alternatives

if TYPE_CHECKING:
    from collections.abc import Callable

    from per_audit.graph.model import ReplayGraph
    from per_audit.graph.symbolic import Term

_EITHER = frozenset({True, False})
_COMPARISONS: dict[str, Callable[[object, object], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "is": operator.is_,
    "is not": operator.is_not,
}
_MOST_CALLS = 8  # that are followed
_UNNAMED = (b"setattr(", b"__dict__", b"vars(")  # what may set an attribute without its name


class Switches:
    """The settings of a program. Those of a package (`is_package`) are given by its users as well."""

    def __init__(self, graph: ReplayGraph, is_package: bool = False) -> None:
        self._graph = graph
        self._is_package = is_package

    def off(self, path: str, node: ir.Node) -> ir.Expr | None:
        """A test around a node that fails it whatever the program gives, None where each of them may let it run."""
        below = node
        for around in self._graph.ancestors(path, node):
            if isinstance(around, (ir.If, ir.IfExp)) and below is not around.test:
                body = around.body if isinstance(around.body, list) else [around.body]
                wanted = any(below is part for part in body)
                if self._truths(path, around.test) == {not wanted}:
                    return around.test
            below = around
        return None

    def _truths(self, path: str, test: ir.Expr) -> frozenset[bool]:
        """What a test may come out as. A written constant may be either: it was put there by hand, for now."""
        if isinstance(test, ir.Un) and test.op == "not":
            return frozenset(not truth for truth in self._truths(path, test.operand))
        if isinstance(test, ir.Logic):
            sides = self._truths(path, test.left), self._truths(path, test.right)
            join: Callable[[bool, bool], bool] = operator.and_ if test.op == "and" else operator.or_
            return frozenset(itertools.starmap(join, itertools.product(*sides)))
        if isinstance(test, ir.Cmp):
            return self._compared(path, test)
        if isinstance(test, (ir.Name, ir.Attr, ir.Sub)):
            values = self._given(path, test)
            if values and all(isinstance(value, bool) for value in values):
                return frozenset(map(bool, values))
        return _EITHER

    def _compared(self, path: str, test: ir.Cmp) -> frozenset[bool]:
        """What a comparison of a setting with a text, a truth or None may come out as."""
        compare = _COMPARISONS.get(test.ops[0]) if len(test.ops) == 1 else None
        sides = test.left, test.rights[0]
        if compare is None or all(isinstance(side, ir.Const) for side in sides):
            return _EITHER
        left, right = (self._given(path, side) for side in sides)
        if not left or not right:
            return _EITHER
        return frozenset(compare(one, other) for one, other in itertools.product(left, right))

    def _given(self, path: str, side: ir.Expr) -> set[object] | None:
        """What an expression of a test may be; None where that is not known."""
        name = getattr(side, "id", getattr(side, "attr", None))
        if name is not None and self._unseen is not None and name in self._unseen:
            return None
        return self._values(self._graph.symbols.term(path, side))

    def _values(self, term: Term, depth: int = 4) -> set[object] | None:
        """What a setting is in the program; None where one is not known, or nothing in the project gives it."""
        found: set[object] = set()
        for option in alternatives(term):
            inner: set[object] | None = None
            if option.op == "const" and (option.data is None or isinstance(option.data, (bool, str))):
                inner = {option.data}
            elif depth and self._is_followed(option):
                given = [self._values(outer, depth - 1) for outer in self._options(option)]
                inner = set().union(*(values for values in given if values)) if given and None not in given else None
            if not inner:
                return None
            found |= inner
        return found

    def _options(self, term: Term) -> list[Term]:
        """What gives a setting; a parameter has its default as well where one of the calls leaves it out."""
        symbols = self._graph.symbols
        options = symbols.options(term)
        if term.op != "param":
            return options
        function, name = term.data
        calls, passed = symbols.calls_of.get(function, []), {node for _, node, _ in symbols.passed(term)}
        left = [node for node, _, _ in calls if node not in passed]
        default = next((each.default for each in function.parameters if each.name == name), None)
        spread = (arg.star for node in left if isinstance(node, ir.Call) for arg in node.args)
        if len(calls) > _MOST_CALLS or (left and (default is None or any(spread))):
            return []
        return [*options, symbols.term(self._graph.project.module_of[function].path, default)] if left else options

    def _is_followed(self, term: Term) -> bool:
        """Whether all that gives the setting can be seen."""
        if term.op == "param":
            return not self._is_package and bool(self._graph.callers.get(term.data[0]))
        if term.op == "field":
            return not self._is_set_elsewhere(term.data[1]) and not self._is_declared(term)
        return term.op == "item"

    def _is_declared(self, term: Term) -> bool:
        """Whether the constructor of the class takes the fields that its body names: a dataclass and its like."""
        return any(write is None for _, write, _ in self._graph.symbols.written(term)) and (
            bool(term.data[0].decorators) or bool(self._graph.interpreter.external_bases(term.data[0]))
        )

    def _is_set_elsewhere(self, name: str) -> bool:
        return self._unseen is None or name in self._unseen

    @cached_property
    def _unseen(self) -> set[str] | None:
        """The attributes that are set on objects which cannot be told, and the names that functions set in modules.

        None where some are set without being named.
        """
        known = {write.node for write in self._graph.events.writes.values()}
        found: set[str] = set()
        for module in self._graph.project.modules.values():
            if any(mark in module.text for mark in _UNNAMED):
                return None
            for node in ir.walk(*module.body):
                targets = node.targets if isinstance(node, ir.Assign) else [getattr(node, "target", None)]
                if node not in known:
                    parts = (part for target in targets if target is not None for part in _parts(target))
                    found |= {part.attr for part in parts if isinstance(part, ir.Attr)}
                if isinstance(node, ir.Scope):
                    found.update(node.names)
        return found


def _parts(target: ir.Expr) -> list[ir.Expr]:
    return [part for item in target.items for part in _parts(item)] if isinstance(target, ir.Seq) else [target]
