"""How often a test comes out as wanted in a run: once in n passes, always, or in a way that cannot be read."""

from __future__ import annotations

from fractions import Fraction
from math import gcd
from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.fixes.recipes.schedule.counters import Count, Loop, counts, is_inner, known
from per_audit.graph.interpret.roles import ACTION, DONE, NEXT, REWARD, STATE, role_of_name
from per_audit.graph.prioritised.beta.written import builds
from per_audit.graph.symbolic import Term, alternatives

if TYPE_CHECKING:
    from collections.abc import Callable

    from per_audit.graph import ReplayGraph

    Length = Callable[[str, Loop], int | None]

ALWAYS = Fraction(1)
_BRIEF = Fraction(1, 10)  # nobody takes a warm-up that is shorter than that off the length of a training
_FAR = 3  # methods that a test asks, parameters that it is given through
_TURNED = {">": "<", ">=": "<=", "<": ">", "<=": ">=", "==": "==", "!=": "!="}
_OPPOSITE = {">": "<=", ">=": "<", "<": ">=", "<=": ">", "==": "!=", "!=": "=="}
_LEAVES = {"const", "external", "global", "function", "object"}
_PLAIN = {"cmp", "not", "logic", "add", "sub", "mul", "div", "floordiv", "tuple", "item", "call", "phi"}
_SETTLED_CALLS = {"isinstance", "hasattr", "bool", "int", "float", "str", "is_available", "len"}
_OF_STEPS = {STATE, ACTION, REWARD, NEXT, DONE}  # what is another thing after each step


class Frequency:
    """How often tests come out as wanted; `length` tells how many passes a loop makes."""

    def __init__(self, graph: ReplayGraph, length: Length) -> None:
        self.graph = graph
        self.length = length

    def of(self, path: str, test: ir.Expr, wanted: bool, depth: int = _FAR) -> Fraction | None:
        """The share of the passes in which a test comes out as wanted; None where that cannot be read.

        One that comes out the same in each pass is taken for passed, and the end of a short warm-up for its beginning.
        """
        if isinstance(test, ir.Un) and test.op == "not":
            return self.of(path, test.operand, not wanted, depth)
        if isinstance(test, ir.Logic):
            sides = [self.of(path, side, wanted, depth) for side in (test.left, test.right)]
            return _both(sides) if (test.op == "and") == wanted else _either(sides)
        found = self._of_term(self.graph.symbols.term(path, test), wanted, path, test)
        return found if found is not None or not depth else self._answered(test, wanted, depth)

    def _of_term(self, term: Term, wanted: bool, path: str, node: ir.Node) -> Fraction | None:
        """As `of`, for what a test is computed from."""
        if term.op == "not":
            return self._of_term(term.args[0], not wanted, path, node)
        if term.op == "logic":
            sides = [self._of_term(arg, wanted, path, node) for arg in term.args]
            return _both(sides) if (term.data == "and") == wanted else _either(sides)
        if term.op == "cmp" and len(term.args) == 2:
            left, right = term.args
            (op,) = term.data if wanted else [_OPPOSITE.get(each, "") for each in term.data]
            found = self._remainder(left, op, right, path, node)
            found = found if found is not None else self._threshold(left, op, right, path, node)
            if found is not None:
                return found
        period = self._period(term, path, node)
        if period is not None:
            return 1 - Fraction(1, period) if wanted else Fraction(1, period)
        if term.op == "const":
            return ALWAYS if bool(term.data) == wanted else Fraction(0)
        if term.op == "len":
            return ALWAYS if wanted else None
        return ALWAYS if self._is_settled(term, wanted) else None

    def _remainder(self, left: Term, op: str, right: Term, path: str, node: ir.Node) -> Fraction | None:
        """The share of a test of one remainder: `step % 4 == 0`, `0 != (step + 1) % n`."""
        for side, other in ((left, right), (right, left)):
            period = self._period(side, path, node)
            if period is not None and op in ("==", "!=") and other.is_number:
                return Fraction(1, period) if op == "==" else 1 - Fraction(1, period)
        return None

    def _period(self, term: Term, path: str, node: ir.Node) -> int | None:
        """After how many passes a remainder is the same again: of a count, or an attribute that is kept as one."""
        if term.op == "field":
            kept = [(v, w) for v, w, _ in self.graph.symbols.written(term) if w is not None and not builds(w.function)]
            if len(kept) != 1:
                return None
            term, node, path = kept[0][0], kept[0][1].node, kept[0][1].path
        if term.op != "mod":
            return None
        period = known(self.graph, term.args[1])
        strides = {count.stride for count in counts(self.graph, term.args[0], path, node)}
        stride = strides.pop() if len(strides) == 1 else None
        return period // gcd(period, stride) if period is not None and stride is not None else None

    def _threshold(self, left: Term, op: str, right: Term, path: str, node: ir.Node) -> Fraction | None:
        """The share of the passes in which a count is past a number: `step > start`, `batch_size <= len(memory)`."""
        found, other = counts(self.graph, left, path, node), right
        if not found:
            found, other, op = counts(self.graph, right, path, node), left, _TURNED.get(op, "")
        if op not in (">", ">=") or counts(self.graph, other, path, node) or any(count.cut for count in found):
            return None
        shares = {self._past(count, known(self.graph, other)) for count in found}
        return shares.pop() if len(shares) == 1 else None

    def _past(self, count: Count, least: int | None) -> Fraction | None:
        if count.loop is None:
            return ALWAYS
        length = self.length(count.path, count.loop) if count.own else None
        if length is None or least is None:
            return None if is_inner(self.graph, count.path, count.loop) else ALWAYS
        left_out = Fraction(least, length)
        return ALWAYS if left_out <= _BRIEF else max(1 - left_out, Fraction(0))

    def _is_settled(self, term: Term, wanted: bool, depth: int = _FAR) -> bool:
        """Whether a term is the same in each pass: made of settings, or a flag that is raised once and stays."""
        if term.op == "field":
            later = [v for v, w, _ in self.graph.symbols.written(term) if w is not None and not builds(w.function)]
            return all(option.op == "const" and option.data is wanted for v in later for option in alternatives(v))
        if term.op == "param":
            given = [option for option, _, _ in self.graph.symbols.passed(term)]
            is_step = not given and role_of_name(term.data[1]) in _OF_STEPS
            return not is_step and bool(depth) and all(self._is_settled(each, wanted, depth - 1) for each in given)
        if term.op == "item" and role_of_name(str(term.data)) in _OF_STEPS:
            return False
        if term.op == "call" and str(term.data).rpartition(".")[2] not in _SETTLED_CALLS:
            return False
        return term.op in _LEAVES | _PLAIN and all(self._is_settled(arg, wanted, depth) for arg in term.args)

    def _answered(self, test: ir.Expr, wanted: bool, depth: int) -> Fraction | None:
        """The share of what a method answers: `memory.is_ready(batch_size)`."""
        site = self.graph.events.calls.get(test) if isinstance(test, ir.Call) else None
        found: set[Fraction | None] = set()
        for target in site.targets if site is not None else ():
            returns = [node for node in ir.walk(target.node) if isinstance(node, ir.Return)]
            if len(returns) != 1 or returns[0].value is None:
                return None
            where = self.graph.project.module_of[target.node].path
            found.add(self.of(where, returns[0].value, wanted, depth - 1))
        return found.pop() if len(found) == 1 else None


def _both(sides: list[Fraction | None]) -> Fraction | None:
    """Two tests that must both hold: the rarer tells, where the other holds always."""
    shares = [side for side in sides if side is not None]
    return min(shares) if len(shares) == len(sides) and max(shares) == ALWAYS else None


def _either(sides: list[Fraction | None]) -> Fraction | None:
    return ALWAYS if all(side == ALWAYS for side in sides) else None
