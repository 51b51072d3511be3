"""Schedules that are asked for the same moment at every draw: what they go by is set once and never counted up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.interpret.roles import is_beta
from per_audit.graph.libraries.buffers import is_test
from per_audit.graph.prioritised.beta.written import builds
from per_audit.graph.symbolic import Term, strip
from per_audit.graph.symbolic.term import const

if TYPE_CHECKING:
    from per_audit.graph.model import ReplayGraph

COMPUTED = {"add", "sub", "mul", "div", "minimum", "maximum", "clip", "neg"}
_DEEPEST = 6
_BOUNDS = {"minimum": {1.0}, "maximum": {0.0}, "clip": {0.0, 1.0}}  # which leave what is between them as it is
_ZERO = const(0.0)


class Standing:
    """What an exponent that is computed always is, with the attributes that keep the number they were made with."""

    def __init__(self, graph: ReplayGraph) -> None:
        self._graph = graph
        self._symbols = graph.symbols
        self.clocks: dict[Term, None] = {}

    def below_one(self, exponent: Term) -> bool:
        """Whether an exponent that is computed is the same at every draw, and below 1."""
        if exponent.op not in COMPUTED:
            return False
        value = self._value(exponent, _DEEPEST)
        if value is None or value.op in COMPUTED:
            return False
        number = value.number
        if number is None:  # a setting of a name that tells it, which may be 1 as well
            told = self._graph.events.value(value.node).literal()
            numbers = [default.number for default in self._symbols.default_of(value)]
            number = told if isinstance(told, (int, float)) else numbers[0] if len(numbers) == 1 else None
        return 0 < number < 1 if number is not None else is_beta(str(value.data).rpartition(".")[2])

    def _value(self, term: Term, depth: int) -> Term | None:
        """What a term always is: a number, a setting, or arithmetic on such; None for what may change."""
        term = strip(term)
        if term.is_number:
            return term
        if not depth:
            return None
        if term.op == "external" or (term.op == "item" and isinstance(term.data, str)):
            return term if not term.has("call", "draw", "mass", "loop", "unknown") else None
        if term.op in ("field", "param"):
            return self._held(term, depth)
        if term.op not in COMPUTED:
            return None
        values = [self._value(arg, depth) for arg in term.args if not _is_none(arg)]
        known = [value for value in values if value is not None]
        return _folded(term, known) if len(known) == len(values) else None

    def _held(self, term: Term, depth: int) -> Term | None:
        """What an attribute keeps that only a constructor sets, and what every caller gives for a parameter."""
        if term.op == "field":
            writes = [write for _, write, _ in self._symbols.written(term) if write is not None]
            if not all(builds(write.function) for write in writes) or set_elsewhere(self._graph, term.data[1]):
                return None
        elif self._is_only_tested(term.data[0]):
            return None  # the moment that a test asks for is not what the training does
        values = {self._value(option, depth - 1) for option in self._symbols.options(term)}
        value = values.pop() if len(values) == 1 else None
        if term.op == "field" and value is not None and value.number == 0:
            self.clocks[term] = None
        return value

    def _is_only_tested(self, function: ir.Function) -> bool:
        """Whether tests alone call a function of the program."""
        sites = self._graph.callers.get(function, ())
        home = self._graph.project.module_of[function].path
        return bool(sites) and not is_test(home) and all(is_test(site.path) for site in sites)


def set_elsewhere(graph: ReplayGraph, name: str) -> bool:
    """Whether an attribute or key of that name is assigned on an object that the audit cannot tell, or by name."""
    known = {write.node for write in graph.events.writes.values()}
    for module in graph.project.modules.values():
        if name.encode() not in module.text:
            continue
        for node in module.nodes:
            if isinstance(node, (ir.Assign, ir.Aug)) and node not in known:
                targets = node.targets if isinstance(node, ir.Assign) else [node.target]
                if any(isinstance(t, ir.Attr) and t.attr == name for t in targets):
                    return True
            if isinstance(node, ir.Call) and any(
                isinstance(a.value, ir.Const) and a.value.value == name for a in node.args
            ):
                called = ir.last_name(node.func)
                if called in ("setattr", "set_attr", "update"):
                    return True
    return False


def numbers_under(graph: ReplayGraph, key: str) -> set[float | None]:
    """What the dicts that the project writes out hold under a key: None for what is no number."""
    found: set[float | None] = set()
    for path, module in graph.project.modules.items():
        if key.encode() not in module.text:
            continue
        for node in module.nodes_of(ir.Map):
            pairs = zip(node.keys, node.values, strict=True)
            held = [value for name, value in pairs if isinstance(name, ir.Const) and name.value == key]
            found.update(graph.symbols.term(path, value).number for value in held)
        for call in module.nodes_of(ir.Call):
            if ir.last_name(call.func) == "dict" and (given := call.keyword(key)):
                found.add(graph.symbols.term(path, given.value).number)
    return found


def _is_none(term: Term) -> bool:
    return term.op == "const" and term.data is None


def _folded(term: Term, values: list[Term]) -> Term:
    """Arithmetic on what stays the same, as far as it can be done: with 0, a product is 0, and a sum is the rest."""
    numbers = [value.number for value in values]
    known = [number for number in numbers if number is not None]
    op = term.op
    if len(known) == len(values):
        return _computed(op, known, term)
    others = [value for value in values if value.number is None]
    if 0 in known and len(values) == 2:
        if op == "mul" or (op == "div" and numbers[0] == 0):
            return _ZERO
        if op == "add" or (op == "sub" and numbers[1] == 0):
            return others[0]
    if len(others) == 1 and known and set(known) <= _BOUNDS.get(op, set()):
        return others[0]
    return Term(op, tuple(values))


def _computed(op: str, known: list[float], term: Term) -> Term:
    """A number of numbers; the term where it cannot be computed."""
    if op == "neg":
        return const(-known[0])
    if op in ("minimum", "maximum"):
        return const(min(known) if op == "minimum" else max(known))
    if op == "clip":
        return const(sorted(known)[1]) if len(known) == 3 else term
    a, b = known if len(known) == 2 else (0.0, 0.0)
    results = {"add": a + b, "sub": a - b, "mul": a * b, "div": a / b if b else None}
    result = results[op]
    return term if result is None else const(result)
