"""Containers that take their own place with more in them: `rows = np.vstack((rows, row))`, `rows = [*rows, row]`."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from per_audit.facts import ir
from per_audit.graph.interpret.known import externals as ext
from per_audit.graph.interpret.known.draws import same
from per_audit.graph.interpret.roles import looks_like_transition, name_of, role_of
from per_audit.graph.interpret.values import Alloc, Value, of, roles_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from per_audit.graph.interpret.frame import Frame
    from per_audit.graph.interpret.interpreter import Interpreter

_KINDS = ("array", "list")


class _Joined(NamedTuple):
    """What makes a container of one and of what is added to it."""

    made: ir.Expr
    kind: str
    added: list[ir.Expr]
    is_cut: bool


def grown(interpreter: Interpreter, node: ir.Assign, value: Value, frame: Frame) -> Value:
    """What is assigned, which is what the target was where more is joined to that: `rows = np.vstack((rows, row))`.

    It may be cut to its end at once. What an attribute began as, be it None or the first row, is another value.
    """
    for joined in _joins(node):
        target = node.targets[0]
        for container in _containers(interpreter, joined, target):
            for part in joined.added:
                given = interpreter.events.value(part)
                where = part if len(joined.added) > 1 else joined.made
                interpreter.targets.store(container, where, frame, "append", given, part, None, role_of(target))
            if joined.is_cut:
                interpreter.statements.evict(of(container), node, frame, "delete")
            value = value._replace(atoms=value.atoms - {Alloc(joined.made, "list")}).join(of(container))
    return value


def _joins(node: ir.Assign) -> Iterator[_Joined]:
    """What an assignment joins to its target, where it does: in either branch of a conditional."""
    target = node.targets[0]
    is_entry = isinstance(target, ir.Sub) and isinstance(target.index, ir.Const) and isinstance(target.index.value, str)
    if not is_entry and not isinstance(target, (ir.Name, ir.Attr)):
        return
    made = node.value
    for option in (made.body, made.orelse) if isinstance(made, ir.IfExp) else (made,):
        is_cut = isinstance(option, ir.Sub) and isinstance(option.index, (ir.Slice, ir.Seq))
        whole = option.value if is_cut and isinstance(option, ir.Sub) else option
        if not isinstance(whole, (ir.Call, ir.Seq, ir.Bin)):
            continue
        parts = _parts(whole)
        added = [part for part in parts if not _is(part, target)]
        if len(added) == len(parts) - 1 and added:
            yield _Joined(whole, "array" if isinstance(whole, ir.Call) else "list", added, is_cut)


def _parts(made: ir.Call | ir.Seq | ir.Bin) -> list[ir.Expr]:
    """What containers and items a call, a display or a sum puts one after the other."""
    if isinstance(made, ir.Seq):
        return [item.value if isinstance(item, ir.Star) else item for item in made.items] if _spreads(made) else []
    if isinstance(made, ir.Bin):  # what is added behind is told with the operator
        in_front = made.op == "+" and isinstance(made.left, ir.Seq) and made.left.kind == "list"
        return [*made.left.items, made.right] if in_front and isinstance(made.left, ir.Seq) else []
    if not isinstance(made.func, ir.Attr) or not made.args or name_of(made.func) not in ext.JOINS:
        return []  # what a method of a table appends is told with the method
    first = made.args[0].value
    parts = first.items if isinstance(first, ir.Seq) else []
    if made.func.attr == "append":
        parts = [arg.value for arg in made.args if not arg.keyword]
    return parts if len(parts) == 2 else []


def _spreads(made: ir.Seq) -> bool:
    """Whether a list or tuple is made of the items of one other, and of more."""
    return made.kind != "set" and [isinstance(item, ir.Star) for item in made.items].count(True) == 1


def _is(one: ir.Expr, other: ir.Expr) -> bool:
    """Whether two expressions are the same name, attribute, or what stands there under the same key."""
    if isinstance(one, ir.Sub) and isinstance(other, ir.Sub):
        keys = [part.index.value for part in (one, other) if isinstance(part.index, ir.Const)]
        return len(keys) == 2 and keys[0] == keys[1] and same(one.value, other.value)
    return same(one, other)


def _containers(interpreter: Interpreter, joined: _Joined, target: ir.Expr) -> list[Alloc]:
    """The containers that grow: those that a name was bound to, or one made here.

    What no more is known of than that something is joined to it may be any array: it is a container where what is
    joined to it is a transition.
    """
    whole = next(part for part in ir.walk(joined.made) if isinstance(part, ir.Expr) and _is(part, target))
    held = [atom for atom in interpreter.order.atoms(interpreter.events.value(whole).atoms) if isinstance(atom, Alloc)]
    made = Alloc(joined.made, joined.kind)
    if isinstance(target, ir.Attr) and joined.kind == "array":
        return [made]
    known = [atom for atom in held if atom.kind in _KINDS and atom != made]
    if known or held:
        return known
    rows = (roles_in(interpreter.events.value(part)) for part in joined.added)
    return [made] if any(map(looks_like_transition, rows)) else []
