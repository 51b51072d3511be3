"""What a method keeps from one call to the next and makes anew behind a test: at each call, or only now and then."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple

from per_audit.facts import ir
from per_audit.graph.interpret.known.draws import same
from per_audit.graph.interpret.targets import BUILDERS
from per_audit.graph.symbolic import Term

if TYPE_CHECKING:
    from collections.abc import Iterator

    from per_audit.graph.interpret import events as ev
    from per_audit.graph.model import ReplayGraph

# What a test may consist of so that nothing but the object decides on it.
_OWN = {
    "const", "cmp", "logic", "not", "phi", "field", "len", "add", "sub", "mul", "div", "floordiv", "mod", "minimum",
    "maximum", "abs", "neg",
}  # fmt: skip


class Remade(IntEnum):
    """How often what is kept is made anew."""

    SELDOM = 0
    GROWING = 1  # whenever the memory has grown: no longer once it is full
    ALWAYS = 2


def remade(graph: ReplayGraph, term: Term, made: Term) -> Remade:
    """How often a part of a term is made anew: seldom where it is the content of a field behind a test.

    One that asks whether the object has grown by a share since, counts calls, or holds once. One that asks for a flag
    that each update sets makes it anew each time, and one that asks for any growth does so until the memory is full.
    """
    kept = [
        write
        for part in term.walk()
        if part.op == "phi" and any(option.contains(made) for option in part.args)
        for field in map(_field_of, part.args)
        if field.op == "field"
        for value, write, _ in graph.symbols.written(field)
        if write is not None and value.contains(made)
    ]
    return max((_often_written(graph, write) for write in kept), default=Remade.ALWAYS)


def _field_of(term: Term) -> Term:
    """The field that a term is, or the one that holds the tuple of which it is a part."""
    while term.op == "item":
        term = term.args[0]
    return term


def _often_written(graph: ReplayGraph, write: ev.AttributeWrite) -> Remade:
    """How often the tests that decide on an assignment let it be."""
    found = Remade.ALWAYS
    for test, holds in _tests(graph, write):
        term = graph.symbols.term(write.path, test)
        if all(_is_own(graph, part) for part in term.walk()) and term.has("field"):
            asked = _Fields.of(graph, {part for part in term.walk() if part.op == "field"}, write)
            often = _often(term if holds else Term("not", (term,)), asked)
            found = min(found, often)
    return found


def _is_own(graph: ReplayGraph, part: Term) -> bool:
    """Whether a part of a test is decided on by the object alone: a tuple in a field is exchanged, not changed."""
    if part.op != "item":
        return part.op in _OWN
    held = _field_of(part)
    return held.op == "field" and all(
        value.op == "tuple" and getattr(value.node, "kind", "") == "tuple"
        for value, _, _ in graph.symbols.written(held)
    )


def _tests(graph: ReplayGraph, write: ev.AttributeWrite) -> Iterator[tuple[ir.Expr, bool]]:
    """The tests that decide on an assignment, and whether they hold for it: around it, or before it with a return."""
    below: ir.Node = write.node
    for around in graph.ancestors(write.path, write.node):
        if isinstance(around, ir.If):
            yield around.test, below in around.body
        if isinstance(around, ir.Function):
            before = around.body[: around.body.index(below)] if below in around.body else []
            yield from (
                (s.test, False) for s in before if isinstance(s, ir.If) and s.body and isinstance(s.body[-1], ir.Return)
            )
            return
        below = around


class _Fields(NamedTuple):
    """The fields of a test by what becomes of them: some change elsewhere, some only where it is made anew.

    `steady` ones grow by one at a time, the `bounded` ones of them up to a bound. `noted` is written by what makes
    anew: how large the memory was then.
    """

    growing: set[Term]
    steady: set[Term]
    bounded: set[Term]
    noted: set[Term]

    @classmethod
    def of(cls, graph: ReplayGraph, fields: set[Term], write: ev.AttributeWrite) -> _Fields:
        """The fields of a test that decides on an assignment."""
        changed = {field: _elsewhere(graph, field, write) for field in fields}
        growing = {field for field, values in changed.items() if values}
        steady = {f for f in growing if all(_grows(f, value) for value, _ in changed[f])}
        bounded = {f for f in steady if all(_has_bound(graph, f, value, other) for value, other in changed[f])}
        noted = {
            field
            for field in fields - growing
            if any(
                other is not None and other.function is write.function for _, other, _ in graph.symbols.written(field)
            )
        }
        return cls(growing, steady, bounded, noted)


def _elsewhere(graph: ReplayGraph, field: Term, write: ev.AttributeWrite) -> list[tuple[Term, ev.AttributeWrite]]:
    """What other methods than the one that makes anew write into a field, once the object is made."""
    return [
        (value, other)
        for value, other, _ in graph.symbols.written(field)
        if other is not None
        and other.function is not write.function
        and getattr(other.function, "name", "") not in BUILDERS
    ]


def _grows(field: Term, value: Term) -> bool:
    """Whether what is written into a field is what it holds and one more, up to a bound or none, or a number."""
    if value.op == "minimum":
        return value.contains(field)
    return value.op == "const" or (value.op == "add" and field in value.args and any(a.number == 1 for a in value.args))


def _has_bound(graph: ReplayGraph, field: Term, value: Term, write: ev.AttributeWrite) -> bool:
    """Whether a field grows to a bound: by a minimum, while it is below one, or once for each slot of an array."""
    if value.op != "add":
        return True
    for around in graph.ancestors(write.path, write.node):
        if isinstance(around, ir.Function):
            break
        if isinstance(around, ir.If) and any(write.node in ir.walk(part) for part in around.body):
            test = graph.symbols.term(write.path, around.test)
            if test.op == "cmp" and test.data[0] in ("<", "!=") and test.args[0] == field:
                return True
            asked = [part for part in ir.walk(around.test) if isinstance(part, ir.Sub)]
            placed = [each for part in ir.walk(*around.body) if isinstance(part, ir.Assign) for each in part.targets]
            targets = [target for target in placed if isinstance(target, ir.Sub)]
            if any(same(a.value, b.value) and same(a.index, b.index) for a in asked for b in targets):
                return True
    return False


def _often(test: Term, fields: _Fields) -> Remade:
    """How often a test holds, asked at each call, as long as what is `steady` grows by one between two of them."""
    if fields.growing.isdisjoint(test.walk()):
        return Remade.SELDOM  # what only the making anew changes
    if test.op == "phi":
        return max(_often(option, fields) for option in test.args)
    if test.op == "logic":
        return min(_often(part, fields) for part in test.args)
    if test.op == "not" and test.args[0].op in ("phi", "logic"):
        other = "logic" if test.args[0].op == "phi" else "phi"
        return _often(Term(other, tuple(Term("not", (part,)) for part in test.args[0].args)), fields)
    asked, holds = (test.args[0], False) if test.op == "not" else (test, True)
    if asked.op != "cmp" or len(asked.data) != 1:
        return Remade.ALWAYS
    return _often_compared(asked, holds, fields)


def _often_compared(asked: Term, holds: bool, fields: _Fields) -> Remade:
    if asked.has("mod"):
        return Remade.SELDOM  # one call of so many
    growing = {part for part in asked.walk() if part in fields.growing}
    if not growing <= fields.steady:
        return Remade.ALWAYS
    is_other = asked.data[0] in ("!=", "is not")
    if asked.data[0] in ("==", "is", "!=", "is not") and is_other is not holds:
        return Remade.SELDOM
    if fields.noted.isdisjoint(asked.walk()):
        return Remade.ALWAYS  # it is compared with what does not change
    if not is_other and asked.data[0] not in ("==", "is") and asked.has("mul", "div", "floordiv", "add", "sub"):
        return Remade.SELDOM
    return Remade.GROWING if growing <= fields.bounded else Remade.ALWAYS
