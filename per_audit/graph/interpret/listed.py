"""Rows that are filled item by item where they are made: `row = []`, `row.append(state)`, `row.append(action)`, ..."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from per_audit.facts import ir
from per_audit.graph.interpret.roles import role_of
from per_audit.graph.interpret.values import TupleOf, Value, of, taint

if TYPE_CHECKING:
    from per_audit.graph.interpret.events import Events
    from per_audit.graph.interpret.frame import Frame

_FEWEST = 3  # fewer items are no transition


class Listed(NamedTuple):
    """A list of these items under a name once the statement `last` has been run."""

    name: str
    display: ir.Seq
    items: list[ir.Expr]
    last: ir.Stmt

    def bind(self, frame: Frame, events: Events) -> None:
        """Let the name stand for a display of the items too; it stays a container that more may be appended to."""
        values = [events.value(item).with_role(role_of(item)) for item in self.items]
        row = of(TupleOf(self.display, tuple(values)))
        frame.env[self.name] = frame.env[self.name].join(Value(row.atoms, taint(*values).tags))


def listed(block: list[ir.Stmt], begin: int) -> Listed | None:
    """What the statements of a block that follow one which makes an empty list append to it, if they do."""
    made = block[begin]
    if not isinstance(made, ir.Assign) or not isinstance(made.value, ir.Seq) or made.value.items:
        return None
    if len(made.targets) != 1 or not isinstance(made.targets[0], ir.Name) or made.value.kind != "list":
        return None
    name = made.targets[0].id
    items: list[ir.Expr] = []
    for statement in islice(block, begin + 1, None):
        item = _appended(statement, name)
        if item is None:
            break
        items.append(item)
    if len(items) < _FEWEST:
        return None
    return Listed(name, made.value, items, block[begin + len(items)])


def _appended(statement: ir.Stmt, name: str) -> ir.Expr | None:
    """What a statement appends to the list of a name."""
    call = statement.value if isinstance(statement, ir.Do) else None
    if not isinstance(call, ir.Call) or not isinstance(call.func, ir.Attr) or call.func.attr != "append":
        return None
    is_of_name = isinstance(call.func.value, ir.Name) and call.func.value.id == name
    is_plain = len(call.args) == 1 and not call.args[0].star and call.args[0].keyword is None
    return call.args[0].value if is_of_name and is_plain else None
