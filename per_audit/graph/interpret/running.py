"""A search by hand that goes by what has been added up: it stops where the sum is past a random number."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from per_audit.facts import ir

if TYPE_CHECKING:
    from collections.abc import Iterator

    from per_audit.graph.interpret.frame import Frame

_ORDERS = {"<", "<=", ">", ">="}
_PAIRED = {"enumerate", "zip"}


class Running(NamedTuple):
    """What a loop adds up, and the names of what it has come to where a comparison stops it."""

    added: ir.Expr
    names: frozenset[str]


def running(compared: ir.Cmp, frame: Frame) -> Iterator[Running]:
    """The loops that a comparison stops by a sum which each turn of them adds one of several numbers to.

    Lengths that are added up tell which episode a step is of; what is computed for the sum alone tells nothing.
    """
    names = {side.id for side in (compared.left, *compared.rights) if isinstance(side, ir.Name)}
    if not names or not _ORDERS.issuperset(compared.ops):
        return
    body = frame.function.body if isinstance(frame.function, ir.Function) else frame.module.body
    for loop in ir.walk_scope(body):
        if not isinstance(loop, (ir.For, ir.While)) or not loop.start <= compared.start < loop.end:
            continue
        inside = list(ir.walk_scope(loop.body))
        if not _stops(loop, inside, compared):
            continue
        counted = _counted(loop, inside)
        for part in inside:
            if isinstance(part, ir.Aug) and part.op == "+" and isinstance(part.target, ir.Name):
                added = _added(loop, part.value, counted) if part.target.id in names else None
                if added is not None:
                    yield Running(added, counted)


def _stops(loop: ir.For | ir.While, inside: list[ir.Node], compared: ir.Cmp) -> bool:
    """Whether a loop goes on by a comparison, or is left where it turns out so."""
    if isinstance(loop, ir.While) and compared in ir.walk(loop.test):
        return True
    tests = (part for part in inside if isinstance(part, ir.If) and compared in ir.walk(part.test))
    return any(
        isinstance(left, ir.Return) or (isinstance(left, ir.Jump) and left.kind == "break")
        for test in tests
        for left in ir.walk_scope(test.body)
    )


def _counted(loop: ir.For | ir.While, inside: list[ir.Node]) -> frozenset[str]:
    """The names of what a loop is at: its own, or those that it counts up by one."""
    if isinstance(loop, ir.For):
        return frozenset(part.id for part in ir.walk(loop.target) if isinstance(part, ir.Name))
    steps = (part for part in inside if isinstance(part, ir.Aug) and part.op == "+")
    return frozenset(
        step.target.id
        for step in steps
        if isinstance(step.target, ir.Name) and isinstance(step.value, ir.Const) and step.value.value == 1
    )


def _added(loop: ir.For | ir.While, value: ir.Expr, counted: frozenset[str]) -> ir.Expr | None:
    """What several numbers are of which one is added: what the loop goes through, or what is read where it is."""
    if isinstance(value, ir.Sub) and isinstance(value.index, ir.Name) and value.index.id in counted:
        return value.value
    base = value.value if isinstance(value, (ir.Attr, ir.Sub)) else value
    if not isinstance(loop, ir.For) or not isinstance(base, ir.Name) or base.id not in counted:
        return None
    made = loop.iter
    if not isinstance(made, ir.Call):
        return made
    if isinstance(made.func, ir.Name) and made.func.id in _PAIRED and made.args:
        return made.args[-1].value
    return made.func.value if isinstance(made.func, ir.Attr) and not made.args else None
