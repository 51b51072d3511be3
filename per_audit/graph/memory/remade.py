"""What a method keeps from one call to the next and makes anew behind a test: at each call, or only now and then."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
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


def is_kept(graph: ReplayGraph, term: Term, made: Term) -> bool:
    """Whether a part of a term is the content of a field, which is only made anew now and then.

    So it is behind a test that asks whether the object has grown by a share since, counts calls, or holds once. One
    that asks for a flag that each update sets, or for any growth, makes it anew each time.
    """
    kept = [
        write
        for part in term.walk()
        if part.op == "phi" and any(option.contains(made) for option in part.args)
        for field in part.args
        if field.op == "field"
        for value, write, _ in graph.symbols.written(field)
        if write is not None and value.contains(made)
    ]
    return bool(kept) and all(_is_seldom(graph, write) for write in kept)


def _is_seldom(graph: ReplayGraph, write: ev.AttributeWrite) -> bool:
    """Whether one of the tests that decide on an assignment seldom lets it be."""
    for test, holds in _tests(graph, write):
        term = graph.symbols.term(write.path, test)
        if all(part.op in _OWN for part in term.walk()) and term.has("field"):
            fields = {part for part in term.walk() if part.op == "field"}
            changed = {field: _elsewhere(graph, field, write) for field in fields}
            growing = {field for field, values in changed.items() if values}
            bounded = {f for f in growing if all(_grows_to_a_bound(f, value) for value in changed[f])}
            if not growing or not _often(term if holds else Term("not", (term,)), growing, bounded):
                return True
    return False


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


def _elsewhere(graph: ReplayGraph, field: Term, write: ev.AttributeWrite) -> list[Term]:
    """What other methods than the one that makes anew write into a field, once the object is made."""
    return [
        value
        for value, other, _ in graph.symbols.written(field)
        if other is not None
        and other.function is not write.function
        and getattr(other.function, "name", "") not in BUILDERS
    ]


def _grows_to_a_bound(field: Term, value: Term) -> bool:
    return value.op == "minimum" and value.contains(field)


def _often(test: Term, growing: set[Term], bounded: set[Term]) -> bool:
    """Whether a test may hold at most calls, as long as what is `bounded` grows by one between two of them."""
    if growing.isdisjoint(test.walk()):
        return False  # what only the making anew changes
    if test.op == "phi":
        return any(_often(option, growing, bounded) for option in test.args)
    if test.op == "logic":
        return all(_often(part, growing, bounded) for part in test.args)
    if test.op == "not" and test.args[0].op in ("phi", "logic"):
        other = "logic" if test.args[0].op == "phi" else "phi"
        return _often(Term(other, tuple(Term("not", (part,)) for part in test.args[0].args)), growing, bounded)
    asked, holds = (test.args[0], False) if test.op == "not" else (test, True)
    if asked.op != "cmp" or len(asked.data) != 1:
        return True
    if asked.has("mod"):
        return False  # one call of so many
    if not all(part in bounded for part in asked.walk() if part in growing):
        return True
    if asked.data[0] in ("==", "!=", "is", "is not"):
        return (asked.data[0] in ("!=", "is not")) is holds
    return not asked.has("mul", "div", "floordiv", "add", "sub")
