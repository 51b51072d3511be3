"""What the program as it stands never runs: branches under a setting that is a constant everywhere it is given."""

from __future__ import annotations

import itertools
import operator
from functools import cached_property, partial
from types import NoneType
from typing import TYPE_CHECKING, Any

from per_audit.facts import ir
from per_audit.graph.liveness.memories.usage import is_unnamed
from per_audit.graph.liveness.names.handed_on import handed_on, is_only_made
from per_audit.graph.liveness.names.mentions import is_another
from per_audit.graph.liveness.settings.committed import committed
from per_audit.graph.liveness.settings.declared import declared
from per_audit.graph.liveness.settings.filled import filled, last_of
from per_audit.graph.liveness.settings.options import parsed_as_truths
from per_audit.graph.liveness.settings.unfilled import Lengths, Unfilled
from per_audit.graph.liveness.settings.unseen import hands_out_attributes, unseen
from per_audit.graph.symbolic import alternatives
from per_audit.graph.symbolic.options import is_option

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from per_audit.graph.model import ReplayGraph
    from per_audit.graph.symbolic import Term

_EITHER = frozenset({True, False})
_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "is": operator.is_,
    "is not": operator.is_not,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_ORDERS = ("<", "<=", ">", ">=")
_MOST_CALLS = 8  # that are followed

# What leaves the parameters of a function, or the constructor of a class, as they are.
_PLAIN = {"staticmethod", "classmethod", "property", "abstractmethod", "wraps", "override", "final"}
_PLAIN |= {"no_grad", "inference_mode", "enable_grad", "jit", "njit", "dataclass", "total_ordering"}


class Switches:
    """The settings of a program. Those of a package (`is_package`) are given by its users as well."""

    def __init__(self, graph: ReplayGraph, is_package: bool = False) -> None:
        self._graph = graph
        self._is_package = is_package
        self._lengths = Lengths(graph)

    def reason(self, path: str, node: ir.Node) -> ir.Expr | Unfilled | None:
        """A test around a node that fails it, as `off`; where that waits for a container to fill, why it does."""
        test = self.off(path, node)
        return self._lengths.why(path, test) or test if test is not None and not self._is_package else test

    def off(self, path: str, node: ir.Node) -> ir.Expr | None:
        """A test around a node that fails it whatever the program gives, None where each of them may let it run."""
        below = node
        for around in self._graph.ancestors(path, node):
            if isinstance(around, (ir.If, ir.IfExp)) and below is not around.test:
                body = around.body if isinstance(around.body, list) else [around.body]
                wanted = any(below is part for part in body)
                if self._truths(path, around.test) == {not wanted}:
                    return around.test
            for earlier in _before(around, below):
                if self._truths(path, earlier.test) == {not _leaves(earlier.orelse)}:
                    return earlier.test
            below = around
        return None

    def outcome(self, path: str, test: ir.Expr) -> bool | None:
        """How a test comes out wherever the program sets what it asks for; None where it may come out either way."""
        truths = self._truths(path, test)
        return next(iter(truths)) if len(truths) == 1 and not self._is_package else None

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
        """What a comparison of a setting with a text, a number, a truth or None may come out as."""
        came = self._lengths.compared(path, test) if not self._is_package else None
        if came is not None:
            return frozenset({came})
        sides = test.left, test.rights[0]
        if len(test.ops) > 1 or all(isinstance(side, ir.Const) for side in sides):
            return _EITHER
        left, right = (self._given(path, side) for side in sides)
        return frozenset(_outcomes(test.ops[0], left, right)) or _EITHER

    def _given(self, path: str, side: ir.Expr) -> set[object] | None:
        """What an expression of a test may be; None where that is not known."""
        name = getattr(side, "id", getattr(side, "attr", None))
        if name == "__name__":  # a file that is imported has another than one that is started
            return None
        if name is not None and self._unseen is not None and name in self._unseen:
            return None
        if isinstance(side, ir.Sub) and last_of(side.value) in self._filled:
            return None
        if isinstance(side, ir.Walrus):  # what counts as it is asked
            return None
        values = self._values(self._graph.symbols.term(path, side))
        if values is None and isinstance(side, ir.Attr) and not self._is_package:
            committed = self._committed if self._unseen is not None else {}
            return committed.get(side.attr) or self._declared.get(side.attr)
        return values

    @cached_property
    def _committed(self) -> dict[str, set[object]]:
        return committed(self._graph, self._handed)

    @cached_property
    def _declared(self) -> dict[str, set[object]]:
        """What the program gives the fields of its dataclasses, where none is set without being named."""
        if any(map(partial(hands_out_attributes, self._graph), self._graph.project.modules.values())):
            return {}
        return declared(self._graph, set(self._handed))

    def _values(self, term: Term, depth: int = 4) -> set[object] | None:
        """What a setting is in the program; None where one is not known, or nothing in the project gives it."""
        found: set[object] = set()
        for option in alternatives(self._taken(term, depth)):
            inner = self._of_one(option, depth)
            if not inner:
                return None
            found |= inner
        return found

    def _of_one(self, term: Term, depth: int) -> set[object] | None:
        if term.op == "const" and (term.data is None or isinstance(term.data, (bool, str, int, float))):
            return None if self._is_in_filled(term) else {term.data}
        if term.op == "external":
            return self._parsed(str(term.data))
        if term.op == "field" and self._is_member(term):
            return {f"{term.data[0].name}.{term.data[1]}"}
        if not depth:
            return None
        if term.op == "not":
            values = self._values(term.args[0], depth - 1)
            return {not value for value in values} if values else None
        if term.op == "cmp" and len(term.data) == 1:
            left, right = (self._values(side, depth - 1) for side in term.args)
            return {*_outcomes(term.data[0], left, right)} or None
        if not self._is_followed(term):
            return None
        given = [self._values(outer, depth - 1) for outer in self._options(term)]
        return set().union(*(values for values in given if values)) if given and None not in given else None

    def _is_member(self, term: Term) -> bool:
        """Whether a field is a member of an enumeration: it equals itself alone, whatever it stands for."""
        bases = self._graph.classes.external_bases(term.data[0])
        return bases == {"enum.Enum"} and all(write is None for _, write, _ in self._graph.symbols.written(term))

    def _taken(self, term: Term, depth: int) -> Term:
        """What a conditional expression comes out as, where its test comes out one way only."""
        node = term.node
        if term.op != "phi" or not isinstance(node, ir.IfExp) or not depth:
            return term
        symbols = self._graph.symbols
        truth = self._is_held(term.path, node.test)
        if truth is None:
            truths = self._values(symbols.term(term.path, node.test), depth - 1) or set()
            truth = True in truths if len(truths) == 1 and truths <= {True, False} else None
        return term if truth is None else symbols.term(term.path, node.body if truth else node.orelse)

    def _is_held(self, path: str, test: ir.Expr) -> bool | None:
        """Whether all dicts of settings have the key that a test asks for, or none has; None where neither is known."""
        if not isinstance(test, ir.Cmp) or test.ops not in (["in"], ["not in"]) or not isinstance(test.left, ir.Const):
            return None
        held = test.rights[0]
        if isinstance(held, ir.Call) and isinstance(held.func, ir.Attr) and held.func.attr == "keys":
            held = held.func.value
        if last_of(held) in self._filled or not isinstance(test.left.value, str):
            return None
        holds = self._graph.symbols.holds(self._graph.symbols.term(path, held), test.left.value)
        return None if holds is None else holds is (test.ops == ["in"])

    def _parsed(self, name: str) -> set[object] | None:
        """What an option of the command line may be that is parsed as a truth, by the name that a library gives it."""
        last = name.rpartition(".")[2]
        if not is_option(name) or self._unseen is None or last in self._unseen:
            return None
        return set(self._truths_of_options.get(last, ()))

    @cached_property
    def _truths_of_options(self) -> dict[str, frozenset[object]]:
        return parsed_as_truths(self._graph)

    def _options(self, term: Term) -> list[Term]:
        """What gives a setting; a parameter has its default as well where one of the calls leaves it out."""
        symbols = self._graph.symbols
        options = symbols.options(term)
        if term.op != "param":
            return options
        function, name = term.data
        calls = symbols.calls_of.get(function, [])
        given = symbols.passed(term)
        passed = {node for _, node, _ in given}
        written = {node for option, node, path in given if self._is_written(option, path, node)}
        idle = {node for node, _, path in calls if node not in written and self._is_idle_spread(path, node)}
        told = {option for option, node, _ in given if node not in idle}
        untold = {option for option, node, _ in given if node in idle} - told
        options = [option for option in options if option not in untold]
        left = [node for node, _, _ in calls if node not in passed | idle]
        default = next((each.default for each in function.parameters if each.name == name), None)
        spread = (arg.star for node in left if isinstance(node, ir.Call) for arg in node.args)
        if len(calls) > _MOST_CALLS or (left and (default is None or any(spread))):
            return []
        return [*options, symbols.term(self._graph.project.module_of[function].path, default)] if left else options

    def _is_idle_spread(self, path: str, call: ir.Expr) -> bool:
        """Whether a call only hands on what its class is made with (`**options`), and nothing makes that class."""
        if self._is_package or not isinstance(call, ir.Call) or not any(arg.star == "**" for arg in call.args):
            return False
        cls = next((node for node in self._graph.ancestors(path, call) if isinstance(node, ir.Class)), None)
        return cls is not None and is_unnamed(self._graph, cls, trials_count=True)

    def _is_written(self, option: Term, path: str, call: ir.Expr) -> bool:
        """Whether an argument that stands in a call by itself gives an option."""
        plain = [arg.value for arg in getattr(call, "args", ()) if not arg.star]
        return any(self._graph.symbols.term(path, value) == option for value in plain)

    def _is_followed(self, term: Term) -> bool:
        """Whether all that gives the setting can be seen."""
        if term.op == "param":
            function = term.data[0]
            return not self._is_package and bool(self._graph.callers.get(function)) and not self._is_handed(function)
        if term.op == "field":
            return not self._is_set_elsewhere(term.data[1]) and not self._is_declared(term)
        return term.op == "item"

    def _is_handed(self, function: ir.Node) -> bool:
        """Whether something else than a call that is written may give the parameters of a function."""
        if not isinstance(function, ir.Function):
            return True
        cls = self._graph.project.class_of.get(function)
        classes = [] if cls is None else [cls, *self._graph.classes.heirs(cls)]
        units: list[ir.Function | ir.Class] = [function, *classes]
        return any(_name_of(decorator) not in _PLAIN for unit in units for decorator in unit.decorators) or any(
            not is_another(self._graph, node, unit) and not is_only_made(self._graph, node, unit)
            for unit in units
            for node in self._handed.get(unit.name, ())
        )

    def _is_in_filled(self, term: Term) -> bool:
        """Whether a constant is of a dict that may get entries under keys that are not written."""
        path = self._graph.path_of(term.node) if term.node is not None and self._filled else None
        if path is None or term.node is None:
            return False
        around = [term.node, *self._graph.ancestors(path, term.node)]
        inside = list(itertools.takewhile(lambda node: not isinstance(node, ir.Stmt), around))
        if not any(isinstance(node, ir.Map) or _name_of(node) == "dict" for node in inside):
            return False
        statement = around[len(inside)] if len(inside) < len(around) else None
        # A dict that has no name of its own may be any of those that are filled.
        return not isinstance(statement, ir.Assign) or any(
            last_of(target) in self._filled or not last_of(target) for target in statement.targets
        )

    @cached_property
    def _handed(self) -> dict[str, list[ir.Node]]:
        return handed_on(self._graph)

    @cached_property
    def _unseen(self) -> set[str] | None:
        return unseen(self._graph)

    @cached_property
    def _filled(self) -> set[str]:
        return filled(self._graph)

    def _is_declared(self, term: Term) -> bool:
        """Whether the constructor of the class takes the fields that its body names: a dataclass and its like."""
        return any(write is None for _, write, _ in self._graph.symbols.written(term)) and (
            bool(term.data[0].decorators) or bool(self._graph.classes.external_bases(term.data[0]))
        )

    def _is_set_elsewhere(self, name: str) -> bool:
        return self._unseen is None or name in self._unseen


def _outcomes(op: str, left: set[object] | None, right: set[object] | None) -> set[bool]:
    """What a comparison of what settings may be comes out as; nothing where that is not known."""
    compare = _COMPARISONS.get(op)
    if compare is None or not left or not right:
        return set()
    pairs = list(itertools.product(left, right))
    if op in _ORDERS and any(isinstance(side, (str, NoneType)) for pair in pairs for side in pair):
        return set()
    return set(itertools.starmap(compare, pairs))


def _before(around: ir.Node, below: ir.Node) -> Iterator[ir.If]:
    """The branches that leave a function in front of one of its statements, or a loop in front of one of its."""
    if not isinstance(around, (ir.Function, ir.For, ir.While)):
        return
    for statement in around.body:
        if statement is below:
            return
        if isinstance(statement, ir.If) and _leaves(statement.body) != _leaves(statement.orelse):
            yield statement


def _leaves(block: list[ir.Stmt]) -> bool:
    last = block[-1] if block else None
    return isinstance(last, (ir.Return, ir.Raise)) or (isinstance(last, ir.Jump) and last.kind != "pass")


def _name_of(node: ir.Node) -> str:
    """The last name of a function that is named or called."""
    return last_of(node.func if isinstance(node, ir.Call) else node)
