"""Calls that end in a TypeError: with a keyword that what is called does not take, or without what it needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from per_audit.facts import ir
from per_audit.graph.interpret.values import ClassRef

if TYPE_CHECKING:
    from collections.abc import Iterator

    from per_audit.graph.model import ReplayGraph

_MOST_BASES = 6


@dataclass(frozen=True, slots=True)
class Refusal:
    """A call that ends in a TypeError, in words: what it calls takes no such `keyword`, or `is_missing` it."""

    called: str
    keyword: str
    is_missing: bool = False

    def __str__(self) -> str:
        if self.is_missing:
            return f"{self.called} is made without `{self.keyword}`, which it needs"
        return f"{self.called} is called with `{self.keyword}`, which it does not take"


class _Given(NamedTuple):
    """What a call gives: so many arguments by their position, others by keyword; `is_open`, there may be more."""

    by_place: int
    keywords: tuple[str, ...]
    is_open: bool = False


def refusal(graph: ReplayGraph, path: str, node: ir.Node, unit: ir.Class | ir.Function) -> Refusal | None:
    """Why a call of a class or function that a node names never gets into it."""
    call = graph.parents(path).get(node)
    atoms = graph.events.value(node).atoms if isinstance(node, ir.Expr) else frozenset()
    is_unit = {getattr(atom, "node", None) for atom in atoms} == {unit}
    if not isinstance(call, ir.Call) or call.func is not node or unit.decorators or not is_unit:
        return None
    given = _given(call)
    if isinstance(unit, ir.Function):
        return _unknown(unit.name, unit, given)
    called = _constructor(graph, unit)
    return None if called is None else _of_class(unit.name, list(graph.classes.mro(unit)), given)


def never_made(graph: ReplayGraph, path: str, node: ir.Node) -> Refusal | None:
    """Why the object is never there whose method the statement around a node calls: each call to make it is refused.

    The object has a name that nothing else in its file is given to.
    """
    for around in (node, *graph.ancestors(path, node)):
        if isinstance(around, ir.Stmt):
            return None
        held = around.func if isinstance(around, ir.Call) else None
        while isinstance(held, ir.Attr):
            held = held.value
        if isinstance(held, ir.Name) and held is not getattr(around, "func", None):
            refused = _refused(graph, path, held)
            if refused is not None:
                return refused
    return None


def _refused(graph: ReplayGraph, path: str, name: ir.Name) -> Refusal | None:
    """Why none of the calls gets through whose results a name is given in its file."""
    made: list[Refusal | None] = [
        _made(graph, path, value) for value in _bound(graph, path, name.id, graph.symbols.function_of(path, name))
    ]
    return made[0] if made and None not in made else None


def _made(graph: ReplayGraph, path: str, value: ir.Expr | None) -> Refusal | None:
    """Why a value that a name is given is the object of a class that refuses to be made so."""
    if not isinstance(value, ir.Call):
        return None
    classes = [atom.node for atom in graph.events.value(value.func).atoms if isinstance(atom, ClassRef)]
    return refusal(graph, path, value.func, classes[0]) if len(classes) == 1 else None


def _bound(
    graph: ReplayGraph, path: str, name: str, function: ir.Function | ir.Lambda | None
) -> Iterator[ir.Expr | None]:
    """The values that a name is given in a file, None for each that cannot be read."""
    yield from (None for parameter in (function.parameters if function else ()) if parameter.name == name)
    for node in graph.module(path).nodes_of(ir.Assign, ir.For, ir.WithItem, ir.Import, ir.ImportFrom):
        if isinstance(node, (ir.Import, ir.ImportFrom)):
            yield from (None for imported, alias in node.names if name == (alias or imported.partition(".")[0]))
            continue
        for target in node.targets if isinstance(node, ir.Assign) else [node.target]:  # type: ignore[attr-defined]
            if isinstance(target, ir.Name) and target.id == name:
                yield node.value if isinstance(node, ir.Assign) else None
            elif isinstance(target, ir.Seq) and any(getattr(part, "id", "") == name for part in ir.walk(target)):
                yield None


def _given(call: ir.Call) -> _Given:
    keywords = tuple(arg.keyword for arg in call.args if arg.keyword is not None)
    count = sum(arg.keyword is None and not arg.star for arg in call.args)
    return _Given(count, keywords, any(arg.star for arg in call.args))


def _of_class(name: str, order: list[ir.Class], given: _Given, left: int = _MOST_BASES) -> Refusal | None:
    """Why an object is not made by the first constructor in an order of bases, or by the one which that hands on to."""
    methods = ((at, part) for at, cls in enumerate(order) for part in cls.body if isinstance(part, ir.Function))
    at, called = next(((at, part) for at, part in methods if part.name == "__init__"), (0, None))
    if called is None or called.decorators or not left:
        return None
    name = name or order[at].name
    # Of several bases, which is the next depends on the class that is made.
    further = _handed_on(called, given) if all(len(cls.bases) <= 1 for cls in order) else None
    refused = _unknown(name, called, given) or _missing(name, called, given)
    return refused or (None if further is None else _of_class("", order[at + 1 :], further, left - 1))


def _unknown(name: str, called: ir.Function, given: _Given) -> Refusal | None:
    """The keyword that a function does not take."""
    if any(each.kind == "**" for each in called.parameters):
        return None
    names = {each.name for each in called.parameters if not each.kind}
    return next((Refusal(name, keyword) for keyword in given.keywords if keyword not in names), None)


def _missing(name: str, called: ir.Function, given: _Given) -> Refusal | None:
    """The parameter of a constructor that is not given and has no default."""
    if given.is_open:
        return None
    plain = [each for each in called.parameters if not each.kind]
    placed = [each for each in plain if not each.keyword_only][: given.by_place + 1]  # the first is the object itself
    needed = (each for each in plain if each.default is None and each not in placed)
    return next((Refusal(name, each.name, True) for each in needed if each.name not in given.keywords), None)


def _handed_on(called: ir.Function, given: _Given) -> _Given | None:
    """What a constructor gives to that of its base of what it is given beside its own: `super().__init__(**more)`.

    None where it may look at it before, or hands nothing on.
    """
    rest = {each.kind: each.name for each in called.parameters if each.kind}
    inner = next((call for statement in called.body if (call := _super_call(statement)) is not None), None)
    used = [node.id for node in ir.walk(*called.body) if isinstance(node, ir.Name) and node.id in rest.values()]
    if inner is None or "**" not in rest or len(used) != len(set(used)):
        return None
    stars = {arg.star: getattr(arg.value, "id", "") for arg in inner.args if arg.star}
    if stars.get("**") != rest["**"] or stars.get("*", rest.get("*")) != rest.get("*"):
        return None
    plain = [each for each in called.parameters if not each.kind]
    more = tuple(keyword for keyword in given.keywords if keyword not in {each.name for each in plain})
    own = _given(inner)
    beyond = max(0, given.by_place + 1 - sum(not each.keyword_only for each in plain)) if "*" in stars else 0
    return _Given(own.by_place + beyond, (*own.keywords, *more), given.is_open)


def _super_call(statement: ir.Stmt) -> ir.Call | None:
    """The call of the base's constructor that a statement is."""
    call = statement.value if isinstance(statement, ir.Do) else None
    held = call.func if isinstance(call, ir.Call) else None
    asked = held.value if isinstance(held, ir.Attr) and held.attr == "__init__" else None
    is_super = isinstance(asked, ir.Call) and getattr(asked.func, "id", "") == "super" and not asked.args
    return call if is_super and isinstance(call, ir.Call) else None


def _constructor(graph: ReplayGraph, cls: ir.Class) -> ir.Function | None:
    if cls.keywords or graph.classes.external_bases(cls) or graph.classes.find_method(cls, "__new__") is not None:
        return None
    return graph.classes.find_method(cls, "__init__")
