"""The objects that methods are called of: which one of several it is, and of which class it is not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.definitions import Definitions
from per_audit.graph.interpret.known.draws import same
from per_audit.graph.interpret.values import Instance
from per_audit.graph.memory.warmup import tests_before
from per_audit.graph.symbolic.repeated import steady_test

if TYPE_CHECKING:
    from collections.abc import Iterator

    from per_audit.graph.interpret import events as ev
    from per_audit.graph.model import ReplayGraph
    from per_audit.graph.symbolic import Term

_HOPS = 3  # attributes that are given one another


def holds_another(graph: ReplayGraph, site: ev.CallSite, function: ir.Function) -> bool:
    """Whether a call of a method, by the tests that it stands under, finds an object without that method.

    The attribute is given an object of the method's class only where a test comes out in one way, and the call is
    made where the same test comes out in the other: `self.kept = Ranked() if self.ranked else Plain()`, and
    `if not self.ranked: self.kept.add(row)`.
    """
    cls = graph.project.class_of.get(function)
    receiver = site.node.func.value if isinstance(site.node.func, ir.Attr) else None
    if cls is None or not isinstance(receiver, ir.Attr):
        return False
    if not any(tests_before(graph, site.path, site.node)):
        return False
    held = graph.symbols.term(site.path, receiver)
    writes = graph.symbols.writes_of.get(held.data, ()) if held.op == "field" else ()
    makers = [(write.path, node) for write in writes for node in _makers(graph, write, cls)]
    at_call = _outcomes(graph, site.path, site.node) if makers else []
    return bool(at_call) and all(_contradicts(at_call, _outcomes(graph, path, node)) for path, node in makers)


def object_of(graph: ReplayGraph, site: ev.CallSite) -> ir.Call | None:
    """The call that made the object of which a method is called, where its name, key or attribute holds no other."""
    receiver = site.node.func.value if isinstance(site.node.func, ir.Attr) else None
    held = [] if receiver is None else _held(graph, site.path, receiver)
    made = graph.events.calls.get(held[0]) if len(held) == 1 and isinstance(held[0], ir.Call) else None
    return made.node if made is not None and made.classes else None


def _held(graph: ReplayGraph, path: str, place: ir.Expr) -> list[ir.Expr | None]:
    """What a name, an attribute or an item with a written key is assigned, None for what is not seen."""
    if isinstance(place, ir.Name):
        reached = Definitions(graph).reaching(place, path)
        found = [None if places else value for value, places in reached.values]
        return found if reached.parameter is None else [None]
    if isinstance(place, ir.Attr):
        term = graph.symbols.term(path, place)
        writes = graph.symbols.writes_of.get(term.data, ()) if term.op == "field" else ()
        return [write.expression for write in writes]
    if isinstance(place, ir.Sub) and isinstance(place.index, ir.Const):
        return list(_items(graph, path, place.value, place.index.value))
    return []


def _items(graph: ReplayGraph, path: str, holder: ir.Expr, key: object) -> Iterator[ir.Expr | None]:
    """What is put under a key, in the body around and in the dict that is written there; None for another's key."""
    function = graph.symbols.function_of(path, holder)
    body = function.body if isinstance(function, ir.Function) else graph.module(path).body
    for node in ir.walk_scope(body):
        for target in node.targets if isinstance(node, ir.Assign) else ():
            if isinstance(target, ir.Sub) and same(target.value, holder):
                if not isinstance(target.index, ir.Const):
                    yield None
                elif isinstance(node, ir.Assign) and target.index.value == key:
                    yield node.value
    for made in _held(graph, path, holder):
        if isinstance(made, ir.Map):
            yield from (v for k, v in zip(made.keys, made.values, strict=True) if getattr(k, "value", key) == key)


def _makers(graph: ReplayGraph, write: ev.AttributeWrite, cls: ir.Class) -> list[ir.Expr]:
    """The expressions of a write, both sides of a conditional one, whose object has the methods of a class, or may."""
    found, left = [], [] if write.expression is None else [write.expression]
    while left:
        expr = left.pop()
        if isinstance(expr, ir.IfExp):
            left += [expr.body, expr.orelse]
        elif not (isinstance(expr, ir.Const) and expr.value is None):
            made = [atom.node for atom in graph.events.value(expr).atoms if isinstance(atom, Instance)]
            if not made or any(cls in graph.classes.mro(each) for each in made):
                found.append(expr)
    return found


def _outcomes(graph: ReplayGraph, path: str, node: ir.Node) -> list[tuple[Term, bool]]:
    """What has been asked before a node, and how it came out: only of what stays as it is."""
    terms = ((graph.symbols.term(path, test), wanted) for test, wanted in tests_before(graph, path, node))
    found = ((known, wanted) for term, wanted in terms if (known := steady_test(term)) is not None)
    return [(_origin(graph, term), holds is wanted) for (term, holds), wanted in found]


def _origin(graph: ReplayGraph, term: Term, hops: int = _HOPS) -> Term:
    """The term with each attribute as what it was given, where it is given one thing only."""

    def change(part: Term) -> Term | None:
        written = graph.symbols.written(part) if part.op == "field" and hops else []
        return _origin(graph, written[0][0], hops - 1) if len(written) == 1 else None

    return term.mapped(change)


def _contradicts(one: list[tuple[Term, bool]], other: list[tuple[Term, bool]]) -> bool:
    return any(_excludes(first, second) for first in one for second in other)


def _excludes(one: tuple[Term, bool], other: tuple[Term, bool]) -> bool:
    """Whether two outcomes cannot be: of one test both, or that one thing is two constants."""
    (term, holds), (asked, held) = one, other
    if term == asked:
        return holds is not held
    if not (holds and held and term.op == asked.op == "cmp" and term.data == asked.data == ("==",)):
        return False
    (place, constant), (again, another) = term.args, asked.args
    return place == again and constant.op == another.op == "const" and constant.data != another.data
