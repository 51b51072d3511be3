"""Loops in which a program acts in something, known by what they do: which names stand for states, actions and rewards.

A call in a loop is given what was chosen by a name, and tells three things or more. One of them takes that name's
place, one is tested by itself, and of the others what was earned is the one that is called so, or the first:

    estado = tienda.reiniciar()
    while not fin:
        accion = red(estado)
        siguiente, premio, fin = tienda.paso(accion)
        estado = siguiente
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.interpret.roles import ACTION, DONE, NEXT, REWARD, STATE, name_of, role_of_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from per_audit.facts import ModuleFacts

_FEWEST = 3  # things that a step tells


class Interactions:
    """The steps of a project's loops, and the roles of the names around them that suggest none themselves."""

    def __init__(self, modules: Iterable[ModuleFacts]) -> None:
        self.steps: set[ir.Call] = set()
        self.roles: dict[ir.Node, str] = {}  # by where the name is bound
        self.is_unspoken = False  # whether what is earned somewhere is called nothing that tells so
        for module in modules:
            self._read(module)

    def _read(self, module: ModuleFacts) -> None:
        if not any(_told(node) for node in module.nodes_of(ir.Assign)):
            return
        bodies = [module.body, *(function.body for function in module.nodes_of(ir.Function))]
        for body in bodies:
            parts = list(ir.walk_scope(body))
            steps = [part for part in parts if isinstance(part, ir.Assign) and _told(part)]
            loops = [part for part in parts if isinstance(part, (ir.For, ir.While))] if steps else []
            for step in steps:
                if any(loop.start <= step.start < loop.end for loop in loops):
                    self._note(step, parts)

    def _note(self, step: ir.Assign, parts: list[ir.Node]) -> None:
        call, target = step.value, step.targets[0]
        if not isinstance(call, ir.Call) or not isinstance(target, ir.Seq):
            return
        bound = list(_bound(parts))
        told = [item.id for item in target.items if isinstance(item, ir.Name)]
        after, state = _carried(call, told, bound)
        action = _chosen(call, state, bound)
        ends = [name for name in told if name in _tested(parts) and name != after]
        rest = [name for name in told if name not in (after, "_", *ends)]
        if action is None or not ends or not rest:
            return
        self.steps.add(call)
        earned = next((name for name in rest if role_of_name(name) == REWARD), rest[0])
        self.is_unspoken |= role_of_name(earned) is None
        roles = dict.fromkeys(ends, DONE) | {after: NEXT, state: STATE, action: ACTION, earned: REWARD}
        for name, _, node in bound:
            if name in roles and role_of_name(name) is None:
                self.roles[node] = roles[name]


def _told(node: ir.Assign) -> list[ir.Expr]:
    """What takes apart the answer of a method that is given one thing or more; nothing for other assignments."""
    target, call = node.targets[0], node.value
    if not isinstance(target, ir.Seq) or not isinstance(call, ir.Call) or not isinstance(call.func, ir.Attr):
        return []
    return target.items if len(target.items) >= _FEWEST and call.args else []


def _bound(parts: list[ir.Node]) -> Iterator[tuple[str, ir.Expr, ir.Node]]:
    """The names that assignments bind, each with what it is bound to, or to a part of, and where."""
    for part in parts:
        if not isinstance(part, ir.Assign) or part.value is None:
            continue
        for target in part.targets:
            if not isinstance(target, ir.Seq):
                pairs = [(target, part.value)]
            elif isinstance(part.value, ir.Seq):
                pairs = list(zip(target.items, part.value.items, strict=False))
            else:
                pairs = [(item, part.value) for item in target.items]
            yield from ((name.id, value, name) for name, value in pairs if isinstance(name, ir.Name))


def _carried(call: ir.Call, told: list[str], bound: list[tuple[str, ir.Expr, ir.Node]]) -> tuple[str, str]:
    """Which part of the answer takes the place of which name that another method of the same object began."""
    begun = {name for name, value, _ in bound if value is not call and _is_beside(call, value)}
    for name, value, _ in bound:
        choices = [value.body, value.orelse] if isinstance(value, ir.IfExp) else [value]
        for choice in choices if name in begun else ():
            source = name_of(choice)
            if source in told and source != name and source is not None:
                return source, name
    return "", ""


def _is_beside(call: ir.Call, value: ir.Expr) -> bool:
    """Whether a value is told by another method of the object whose step is called."""
    func, step = getattr(value, "func", None), call.func
    if not isinstance(func, ir.Attr) or not isinstance(step, ir.Attr) or func.attr == step.attr:
        return False
    return _path(func.value) == _path(step.value) != ()


def _path(node: ir.Expr) -> tuple[str, ...]:
    """The names of `self.shop` or `shop`; empty for anything else."""
    if isinstance(node, ir.Name):
        return (node.id,)
    before = _path(node.value) if isinstance(node, ir.Attr) else ()
    return (*before, node.attr) if before and isinstance(node, ir.Attr) else ()


def _chosen(call: ir.Call, state: str, bound: list[tuple[str, ir.Expr, ir.Node]]) -> str | None:
    """The name that is given to a step and was computed from the state."""
    given = {name for argument in call.args if (name := name_of(argument.value)) is not None and name != state}
    for name, value, _ in bound:
        if name in given and any(isinstance(part, ir.Name) and part.id == state for part in ir.walk(value)):
            return name
    return None


def _tested(parts: list[ir.Node]) -> set[str]:
    """The names that a test asks for by themselves, or that are joined to one of these by `or`."""
    found = {name for part in parts if isinstance(part, (ir.If, ir.While)) for name in _bare(part.test)}
    joined = [part for part in parts if isinstance(part, ir.Assign) and isinstance(part.value, ir.Logic)]
    for part in joined:
        if part.value is not None and any(getattr(target, "id", None) in found for target in part.targets):
            found |= set(_bare(part.value))
    return found


def _bare(test: ir.Expr) -> Iterator[str]:
    if isinstance(test, ir.Name):
        yield test.id
    elif isinstance(test, ir.Un):
        yield from _bare(test.operand)
    elif isinstance(test, ir.Logic):
        yield from _bare(test.left)
        yield from _bare(test.right)
