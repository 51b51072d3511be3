"""Rows that are filled item by item where they are made: `row = []`, `row.append(state)`, `row.append(action)`, ...

Dictionaries as well: `row = {}`, `row["state"] = state`, ... Either is as if written in a display.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from per_audit.facts import ir
from per_audit.graph.interpret.roles import role_of
from per_audit.graph.interpret.values import Record, RecordType, TupleOf, Value, taint

if TYPE_CHECKING:
    from collections.abc import Callable

    from per_audit.graph.interpret.events import Events
    from per_audit.graph.interpret.frame import Frame

_FEWEST = 3  # fewer items are no transition


class Listed(NamedTuple):
    """A list or dictionary of these items under a name once the statement `last` has been run.

    `keys` are those of a dictionary, a list has None of each.
    """

    name: str
    display: ir.Seq | ir.Map
    keys: list[str | None]
    items: list[ir.Expr]
    last: ir.Stmt

    def bind(self, frame: Frame, events: Events) -> None:
        """Let the name stand for a display of the items too; it stays a container that gets what comes later."""
        known = zip(self.keys, self.items, strict=True)
        values = [
            events.value(item).with_role((key and role_of(ir.Name(0, 0, key))) or role_of(item)) for key, item in known
        ]
        keys = tuple(key for key in self.keys if key is not None)
        record = RecordType("dict", keys)
        row = Record(record, self.display, tuple(values)) if keys else TupleOf(self.display, tuple(values))
        frame.env[self.name] = frame.env[self.name].join(Value(frozenset((row,)), taint(*values).tags))


def listed(block: list[ir.Stmt], begin: int) -> Listed | None:
    """What the statements of a block that follow one which makes an empty list or dictionary put in, if they do."""
    made = block[begin]
    if not isinstance(made, ir.Assign) or len(made.targets) != 1 or not isinstance(made.targets[0], ir.Name):
        return None
    put: Callable[[ir.Stmt, str], tuple[str | None, ir.Expr] | None]
    if isinstance(made.value, ir.Seq) and made.value.kind == "list" and not made.value.items:
        put = _appended
    elif isinstance(made.value, ir.Map) and not made.value.keys:
        put = _set
    else:
        return None
    name = made.targets[0].id
    keys, items = [], []
    for statement in islice(block, begin + 1, None):
        pair = put(statement, name)
        if pair is None or (pair[0] is not None and pair[0] in keys):
            break
        keys.append(pair[0])
        items.append(pair[1])
    return Listed(name, made.value, keys, items, block[begin + len(items)]) if len(items) >= _FEWEST else None


def _appended(statement: ir.Stmt, name: str) -> tuple[None, ir.Expr] | None:
    """What a statement appends to the list of a name."""
    call = statement.value if isinstance(statement, ir.Do) else None
    if not isinstance(call, ir.Call) or not isinstance(call.func, ir.Attr) or call.func.attr != "append":
        return None
    is_plain = len(call.args) == 1 and not call.args[0].star and call.args[0].keyword is None
    return (None, call.args[0].value) if _is(call.func.value, name) and is_plain else None


def _set(statement: ir.Stmt, name: str) -> tuple[str, ir.Expr] | None:
    """The key and the value that a statement puts into the dictionary of a name."""
    if not isinstance(statement, ir.Assign) or len(statement.targets) != 1 or statement.value is None:
        return None
    target = statement.targets[0]
    if not isinstance(target, ir.Sub) or not _is(target.value, name) or not isinstance(target.index, ir.Const):
        return None
    return (target.index.value, statement.value) if isinstance(target.index.value, str) else None


def _is(node: ir.Expr, name: str) -> bool:
    return isinstance(node, ir.Name) and node.id == name
