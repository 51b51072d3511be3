"""Where an environment raises a flag, by one literal True after the other, and what it pays where it does."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from per_audit.facts import ir
from per_audit.graph.interpret.roles import REWARD, role_of, words

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from per_audit.graph.interpret import events as ev
    from per_audit.graph.model import ReplayGraph
    from per_audit.graph.symbolic import Term

_REWARDS = 1  # the place in what a step returns
_PAYS = {"reward", "rewards", "penalty", "cost"}


class Flag(NamedTuple):
    """A name or attribute that says that an episode is over: where it is raised."""

    name: str
    path: str
    node: ir.Node
    is_attribute: bool


def raises(graph: ReplayGraph, path: str, node: ir.Node) -> list[ir.Node]:
    """The places at which a function raises the flag that a literal True is given to, that one among them.

    What comes of all of them is one True, and the first of them stands for it.
    """
    function = graph.symbols.function_of(path, node)
    nodes = list(ir.walk_scope(function.body)) if isinstance(function, ir.Function) else []
    given = [(ir.last_name(to), value) for part in nodes for to, value in _given(part)]
    names = {name for name, value in given if value is node}
    rows = [part.value.items for part in nodes if isinstance(part, ir.Return) and isinstance(part.value, ir.Seq)]
    places = {(len(row), row.index(node)) for row in rows if node in row}
    found = [value for name, value in given if name in names]
    found += [row[place] for row in rows for length, place in places if len(row) == length]
    return [value for value in found if isinstance(value, ir.Const) and value.value is True] or [node]


def is_written_beside(graph: ReplayGraph, path: str, node: ir.Node) -> bool:
    """Whether a return tells the end with a reward that is written there, and so paid for that end."""
    row = getattr(graph.statement(path, node), "value", None)
    items = row.items if isinstance(row, ir.Seq) else []
    return node in items and len(items) > _REWARDS and not isinstance(items[_REWARDS], (ir.Name, ir.Attr))


def flags_at(graph: ReplayGraph, path: str, node: ir.Node) -> list[Flag]:
    """The flags that a value becomes a part of; what is returned is that of who calls."""
    statement = graph.statement(path, node)
    if isinstance(statement, ir.Return):
        function = graph.symbols.function_of(path, node)
        asked = [(site.path, site.node) for site in graph.callers.get(function, ())]
        return [flag for where, call in asked for flag in _flags(where, graph.statement(where, call), call)]
    return list(_flags(path, statement, node))


def _flags(path: str, statement: ir.Stmt, node: ir.Node) -> Iterator[Flag]:
    for target, value in _given(statement):
        if target is not None and node in ir.walk(value):
            yield Flag(ir.last_name(target), path, node, isinstance(target, ir.Attr))


def _given(part: ir.Node) -> Iterator[tuple[ir.Expr | None, ir.Expr]]:
    """What a statement gives to each target; what is returned is given to none."""
    if isinstance(part, ir.Return) and part.value is not None:
        yield None, part.value
    for target in part.targets if isinstance(part, ir.Assign) and part.value is not None else ():
        assert isinstance(part, ir.Assign)
        assert part.value is not None
        items = target.items if isinstance(target, ir.Seq) else [target]
        values = part.value.items if isinstance(target, ir.Seq) and isinstance(part.value, ir.Seq) else [part.value]
        if len(items) == len(values):
            yield from zip(items, values, strict=True)


def is_changed_by(graph: ReplayGraph, field: Term, functions: Iterable[ev.Owner]) -> bool:
    """Whether some functions give a flag another value than the environment does, on some way at least."""
    inside = set(functions)
    made = [*field.args, *([field] if isinstance(field.node, ir.IfExp) else [])]
    return any(
        isinstance(part.node, ir.Expr) and part.path and graph.symbols.function_of(part.path, part.node) in inside
        for part in made
    )


def pays(node: ir.Node) -> bool:
    """Whether a statement gives another reward, or changes it."""
    targets = node.targets if isinstance(node, ir.Assign) else [node.target] if isinstance(node, ir.Aug) else []
    return any(role_of(part) == REWARD for part in ir.walk(*targets) if isinstance(part, ir.Expr))


def is_paid_for(graph: ReplayGraph, cls: ir.Class, count: str, flags: Collection[Flag]) -> bool:
    """Whether a class pays at its limit: where it compares the count, or by a flag that it has raised there."""
    told = {count, *(flag.name for flag in flags if flag.is_attribute)}
    for method in (part for part in cls.body if isinstance(part, ir.Function)):
        nodes = list(ir.walk_scope(method.body))
        if not _PAYS.isdisjoint(words(method.name)) and any(getattr(node, "attr", "") in told for node in nodes):
            return True
        raised = [
            flag for flag in flags if flag.is_attribute or graph.symbols.function_of(flag.path, flag.node) is method
        ]
        for node in nodes:
            if isinstance(node, ir.If) and _compares(node.test, count) and any(map(pays, ir.walk(*node.body))):
                return True
            if (
                isinstance(node, (ir.Assign, ir.Aug))
                and pays(node)
                and node.value is not None
                and _compares(node.value, count)
            ):
                return True
            if any(_is_paid(node, flag) for flag in raised if flag.is_attribute or node.start > flag.node.start):
                return True
    return False


def _compares(test: ir.Expr, count: str) -> bool:
    return any(
        isinstance(part, ir.Cmp) and any(isinstance(side, ir.Attr) and side.attr == count for side in ir.walk(part))
        for part in ir.walk(test)
    )


def _is_paid(node: ir.Node, flag: Flag) -> bool:
    """Whether a statement pays for a flag: on each way behind a test of it, or by what computes a reward with it."""
    if isinstance(node, ir.If) and ir.last_name(node.test) == flag.name:
        return always_pays(node.body)
    if isinstance(node, ir.If) and isinstance(node.test, ir.Un) and ir.last_name(node.test.operand) == flag.name:
        return always_pays(node.orelse)
    if not isinstance(node, (ir.Assign, ir.Aug)) or node.value is None or not pays(node):
        return False
    return any(ir.last_name(part) == flag.name for part in ir.walk(node.value))


def always_pays(block: list[ir.Stmt]) -> bool:
    """Whether each way through a block gives a reward."""
    return any(
        always_pays(part.body) and always_pays(part.orelse) if isinstance(part, ir.If) else pays(part) for part in block
    )
