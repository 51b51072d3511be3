"""The exponent of the importance-sampling weights over time: where beta comes from, and what changes it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.libraries.handed import may_be_asked
from per_audit.graph.liveness.memories.usage import is_named_unread
from per_audit.graph.prioritised.anatomy import CHOSEN
from per_audit.graph.prioritised.beta.written import builds, literals
from per_audit.graph.symbolic import Term, alternatives, strip
from per_audit.graph.symbolic.term import const

if TYPE_CHECKING:
    from per_audit.graph.interpret import events as ev
    from per_audit.graph.model import ReplayBuffer, ReplayGraph
    from per_audit.graph.prioritised.anatomy import Anatomy, WeightFormula

_DEEPEST = 4


@dataclass(frozen=True, slots=True)
class BetaWrite:
    """An assignment to an attribute that is beta, outside of what builds the object."""

    field: Term
    value: Term
    write: ev.AttributeWrite


class Beta:
    """Beta of one prioritised buffer."""

    def __init__(self, graph: ReplayGraph, anatomy: Anatomy) -> None:
        self.graph = graph
        self.anatomy = anatomy
        self.symbols = graph.symbols

    @cached_property
    def exponents(self) -> list[Term]:
        """The exponents of the weights, without their sign."""
        found: dict[Term, None] = {}
        for formula in self.anatomy.formulas:
            if not self._is_of_drawn(formula):
                continue  # a power of something else, near the training
            exponent = strip(formula.exponent)
            while (turned := _turned(exponent)) is not None:
                exponent = strip(turned)
            found.update(dict.fromkeys(map(_unsigned, self._called(alternatives(exponent)))))
        return list(found)

    def _is_of_drawn(self, formula: WeightFormula) -> bool:
        """Whether a power is of what was drawn; of the nodes of a tree, terms do not tell which of them it was."""
        if formula.base.has(*CHOSEN) or self.symbols.expanded(formula.base).has(*CHOSEN):
            return True
        return not self.anatomy.buffer.sources.isdisjoint(self.graph.events.value(formula.node).tagged("draw"))

    def _called(self, options: tuple[Term, ...]) -> tuple[Term, ...]:
        """What of an exponent remains where every caller gives it: the stand-in for None is never used then."""
        return tuple(option for option in options if option.op == "param" and self._is_given(option)) or options

    def _is_given(self, parameter: Term) -> bool:
        """Whether a parameter is None by default, and each call gives it something else."""
        function, name = parameter.data
        default = next((p.default for p in function.parameters if p.name == name), None)
        if not isinstance(default, ir.Const) or default.value is not None:
            return False
        calls, passed = self.symbols.calls_of.get(function, ()), self.symbols.passed(parameter)
        return bool(calls) and len(passed) == len(calls) and not any(_may_be_none(term) for term, _, _ in passed)

    @cached_property
    def fields(self) -> list[Term]:
        """The attributes that beta is read from, through the parameters that carry it."""
        found: dict[Term, None] = {}
        edge = list(self.exponents)
        for _ in range(_DEEPEST):
            inner: list[Term] = []
            for term in edge:
                for part in alternatives(strip(term)):
                    for leaf in _carried(part):
                        if leaf.op == "field" and (leaf in self.exponents or not self.anatomy.is_container(leaf)):
                            found[leaf] = None
                        elif leaf.op == "param":
                            inner += self.symbols.options(leaf)
                    found.update(dict.fromkeys(self._stepped(unbounded(part))))
            edge = inner
        return list(found)

    def _stepped(self, term: Term) -> list[Term]:
        """The attribute that has just become a term made from its last value: `beta * rate` after `beta *= rate`."""
        if term.op not in ("sub", "mul", "div"):
            return []
        return [
            field
            for field in map(strip, term.args)
            if field.op == "field"
            and any(term in alternatives(unbounded(v)) for v, _, _ in self.symbols.written(field))
        ]

    @cached_property
    def later_writes(self) -> list[BetaWrite]:
        """The assignments that change beta while the program runs, in order of their places."""
        found: list[BetaWrite] = []
        for field in self.fields:
            for value, write, _ in self.symbols.written(field):
                if write is not None and not builds(write.function):
                    found.append(BetaWrite(field, value, write))
        return sorted(found, key=lambda found: (found.write.path, found.write.node.start))

    def is_of_another(self, changed: BetaWrite) -> bool:
        """Whether an assignment is made in one of several kinds of schedules that beta is not known to be."""
        interpreter, (base, name) = self.graph.interpreter, changed.field.data
        owner = changed.write.owner.node
        if owner is base or len(interpreter.classes.heirs(base)) == 1:
            return False
        read = ((f.path, part) for f in self.anatomy.formulas for part in ir.walk(f.node))
        holders = [self.symbols.term(path, n.value) for path, n in read if isinstance(n, ir.Attr) and n.attr == name]
        if not holders:  # given as a number, such as an agent's own
            return False
        made = {term.data for holder in holders for term in self.passed(holder) if term.op == "object"}
        return not any(owner in interpreter.classes.mro(cls) for cls in made)

    def first_values(self, field: Term) -> list[tuple[Term, ir.Node | None, str]]:
        """What the attribute is built with: the term, the statement (None for the class body) and the file."""
        return [
            (value, None if write is None else write.node, path)
            for value, write, path in self.symbols.written(field)
            if write is None or builds(write.function)
        ]

    def passed(self, exponent: Term, depth: int = _DEEPEST) -> list[Term]:
        """What an exponent is: itself, or what the callers pass for it, through the functions that pass it on."""
        found: list[Term] = []
        for option in alternatives(strip(exponent)):
            if option.op == "param" and depth:
                for outer in self.symbols.options(option):
                    found += self.passed(outer, depth - 1)
            else:
                found.append(option)
        return found

    def counts(self, term: Term, depth: int = _DEEPEST) -> bool:
        """Whether a term grows while the program runs: a loop's variable, an attribute that is counted up."""
        for part in term.walk():
            if part.op == "loop" or (part.op == "element" and strip(part.args[0]).op == "range"):
                return True
            if part.op == "field" and any(w is not None and v.contains(part) for v, w, _ in self.symbols.written(part)):
                return True
            if part.op == "add" and part.args[0].op == "field" and part.args[1].is_number:
                return True
            if part.op == "param" and depth and any(self.counts(o, depth - 1) for o in self.symbols.options(part)):
                return True
        return False

    def rises(self, term: Term, depth: int = 2 * _DEEPEST) -> bool:
        """Whether a term that counts is known to grow: a falling epsilon in it, or one of its own, may make it fall."""
        return self._direction(term, depth) == 1

    def _direction(self, term: Term, depth: int) -> int | None:
        """1 for what grows while the program runs, -1 for what falls, 0 for what stays; None where it is not known."""
        if not self.counts(term):
            return 0
        if not depth:
            return None
        if term.op == "element":
            return 1
        if term.op == "loop":
            return _way_in_loop(*term.data)
        term = strip(term)
        ways = [self._direction(arg, depth - 1) for arg in term.args]
        if term.op == "field":
            return self._recurrence(term)
        if term.op == "param":
            ways = [self._direction(option, depth - 1) for option in self.symbols.options(term)]
        elif term.op == "neg":
            return None if ways[0] is None else -ways[0]
        elif term.op in ("sub", "div", "floordiv") and len(ways) == 2:
            ways[1] = None if ways[1] is None else -ways[1]
        elif term.op not in ("add", "mul", "minimum", "maximum", "min", "max", "clip", "phi", "exp", "log", "call"):
            return None
        if len(known := set(ways) - {0}) > 1:
            return None
        way = next(iter(known), 0)
        turned = sum(map(_is_negative, term.args)) % 2 if term.op in ("mul", "div") else 0
        return -way if way is not None and turned else way

    def _recurrence(self, field: Term) -> int | None:
        """Where an attribute goes that is made from its own last value."""
        steps = [
            option
            for value, write, _ in self.symbols.written(field)
            if write is not None
            for option in alternatives(unbounded(value))
            if option != field and option.contains(field)
        ]
        if all(step.op == "add" for step in steps):
            return 1
        return -1 if all(step.op == "sub" and step.args[0] == field for step in steps) else None

    def literals(self, term: Term, told: bool = False) -> list[Term] | None:
        """The numbers that a term is made of; None where anything else goes into it, such as what a caller passes.

        Those that callers write, as well, where `told`.
        """
        return literals(self.graph, term, told)


def _way_in_loop(loop: ir.For | ir.While, what: str | Term) -> int | None:
    """Where a name goes that a loop makes from its last value; 1 for what is in an attribute, which is a count."""
    if not isinstance(what, str):
        return 1
    ways: set[int | None] = set()
    for node in ir.walk_scope(loop.body):
        targets = node.targets if isinstance(node, ir.Assign) else [node.target] if isinstance(node, ir.Aug) else []
        if any(isinstance(target, ir.Name) and target.id == what for target in targets):
            ways.add(_way_of_step(node, what))
    known = ways - {0}
    return known.pop() if len(known) == 1 else None


def _way_of_step(step: ir.Node, name: str) -> int | None:
    """Where an assignment takes a name from its last value; 0 where it is set anew, as what counts is at times."""
    if isinstance(step, ir.Aug):
        return _way_of(step.op, step.value)
    value = step.value if isinstance(step, ir.Assign) else None
    if isinstance(value, ir.Call) and ir.last_name(value.func) in ("min", "max", "minimum", "maximum"):
        value = next((arg.value for arg in value.args if isinstance(arg.value, ir.Bin)), None)
    if not isinstance(value, ir.Bin):
        return 0 if isinstance(value, ir.Const) else None
    if isinstance(value.left, ir.Name) and value.left.id == name:
        return _way_of(value.op, value.right)
    turned = isinstance(value.right, ir.Name) and value.right.id == name and value.op in ("+", "*")
    return _way_of(value.op, value.left) if turned else None


def _way_of(operator: str, value: ir.Expr) -> int | None:
    """Where adding, subtracting or multiplying takes a number that is above 0."""
    if operator in ("+", "-"):
        return 1 if operator == "+" else -1
    factor = value.value if isinstance(value, ir.Const) and isinstance(value.value, (int, float)) else None
    if operator != "*" or factor is None or not 0 < factor != 1:
        return None
    return 1 if factor > 1 else -1


def _is_negative(term: Term) -> bool:
    """Whether a factor turns round what it is multiplied with: `-rate` in `exp(-rate * step)`."""
    term = strip(term)
    return (term.number or 0) < 0 or term.op == "neg"


def _may_be_none(term: Term) -> bool:
    return any(option.op == "const" and option.data is None for option in alternatives(term))


def is_never_asked_for(graph: ReplayGraph, buffer: ReplayBuffer, function: ev.Owner) -> bool:
    """Whether a program draws from a buffer and never asks for a method: the beta that it sets stays as it was made.

    False of a method that alone leads to the draws: who draws at all asks for it.
    """
    if not isinstance(function, ir.Function) or function.decorators or function.name.startswith("__"):
        return False
    cls = graph.project.class_of.get(function)
    if cls is None or is_named_unread(graph, function):
        return False
    if graph.priorities(buffer).handed_to:
        if may_be_asked(graph, cls, function.name):
            return False
    elif graph.classes.external_bases(cls) or not (buffer.instances and buffer.samples):
        return False
    modules = (module for module in graph.project.modules.values() if function.name.encode() in module.text)
    nodes = ((module.path, part) for module in modules for part in module.nodes_of(ir.Attr, ir.Const))
    named = ((path, n) for path, n in nodes if function.name in (getattr(n, "attr", ""), getattr(n, "value", "")))
    if not all(_is_own_of_another(graph, path, node, cls) for path, node in named):
        return False
    return not buffer.samples or not all(_is_under(graph, site.function, function) for site in buffer.samples)


def _is_under(graph: ReplayGraph, inner: ev.Owner, outer: ir.Function) -> bool:
    """Whether all ways to a function go through another one: it is called from there alone, directly or not."""
    seen: set[ev.Owner] = {outer, inner}
    edge = {inner} - {outer}
    while edge:
        each = edge.pop()
        sites = graph.callers.get(each, ()) if isinstance(each, ir.Function) else ()
        calling = {site.function for site in sites} - {each}
        if not calling:
            return False
        edge |= calling - seen
        seen |= edge
    return True


def _is_own_of_another(graph: ReplayGraph, path: str, node: ir.Node, cls: ir.Class) -> bool:
    """Whether an object asks itself for a method, `self.train()`, and is none of a class for certain."""
    held = node.value if isinstance(node, ir.Attr) else None
    method = next((each for each in graph.ancestors(path, node) if isinstance(each, ir.Function)), None)
    own = graph.project.class_of.get(method) if method is not None else None
    if not isinstance(held, ir.Name) or own is None or method is None or not method.parameters:
        return False
    interpreter = graph.interpreter
    families = ({*interpreter.classes.mro(each)} for each in (own, *interpreter.classes.heirs(own)))
    return held.id == method.parameters[0].name and not any(cls in family for family in families)


def _turned(term: Term) -> Term | None:
    """What a term is the opposite of: `-beta`, `-1 * beta`, `beta / -1`, `0 - beta`."""
    if term.op == "neg":
        return term.args[0]
    if term.op == "sub":
        return term.args[1] if term.args[0].number == 0 else None
    if term.op not in ("mul", "div"):
        return None
    one, other = term.args
    if one.number == -1 and term.op == "mul":
        return other
    return one if other.number == -1 else None


def _unsigned(exponent: Term) -> Term:
    """A number without its sign: `-0.5` written out, or computed from a constant of the module."""
    number = exponent.number
    return const(-number, exponent.node, exponent.path) if number is not None and number < 0 else exponent


def unbounded(term: Term) -> Term:
    """A step of beta without the bound around it: the sum inside `min(1, beta + step)` or `min(self.last, ...)`."""
    term = strip(term)
    if term.op in ("minimum", "maximum"):
        inner = [arg for arg in term.args if not strip(arg).is_number]
        if len(inner) > 1:
            inner = [arg for arg in inner if strip(arg).op not in ("field", "global")]
        return unbounded(inner[0]) if len(inner) == 1 else term
    if term.op in ("clip", "min", "max"):
        return unbounded(term.args[0])
    return term


def _carried(term: Term) -> list[Term]:
    """The attributes and parameters that a term is, or that a bound such as `min(1, beta)` or a step lets through."""
    if term.op in ("field", "param"):
        return [term]
    if term.op == "add":  # beta and its step
        return [leaf for arg in term.args for leaf in _carried(strip(arg)) if leaf.op == "field"]
    if term.op in ("minimum", "maximum", "clip", "phi", "min", "max"):
        return [leaf for arg in term.args for leaf in _carried(strip(arg))]
    return []
