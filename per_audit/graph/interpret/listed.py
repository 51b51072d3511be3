"""Rows that are filled item by item where they are made: `row = []`, `row.append(state)`, `row.append(action)`, ...

Dictionaries as well: `row = {}`, `row["state"] = state`, ...; what has a place for each item from the beginning:
`row = [None] * 5`, `row[0] = state`, ...; and objects that get their fields: `row = SimpleNamespace()`,
`row.state = state`, ... Each is as if written in a display.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, NamedTuple, Union

from per_audit.facts import ir
from per_audit.graph.interpret.roles import ACTION, NEXT, REWARD, name_of, role_of, role_of_name
from per_audit.graph.interpret.values import UNKNOWN, Instance, Record, RecordType, TupleOf, Value, taint

if TYPE_CHECKING:
    from collections.abc import Callable

    from per_audit.graph.interpret.events import Events
    from per_audit.graph.interpret.frame import Frame

_FEWEST = 3  # fewer items are no transition
_PLACES = range(24)  # of a row whose items are followed one by one
_Key = Union[str, int, None]  # noqa: UP007 (evaluated on import, where Python 3.10 can join no quoted names)
_Put = tuple[_Key, ir.Expr]
_PART = -1  # the key of several places of an array: `row[:4]`
_TRANSITION = {ACTION, REWARD, NEXT}  # what tells one that is laid out in an array from an observation
_ARRAYS = {"zeros", "empty", "ones", "full", "zeros_like", "empty_like"}


class Listed(NamedTuple):
    """A list, dictionary, array or object of these items under a name once the statement `last` has been run.

    `keys` are those of a dictionary, the fields of an object, or the places in a row; a list that grows has None of
    each.
    """

    name: str
    display: ir.Expr
    keys: list[_Key]
    items: list[ir.Expr]
    last: ir.Stmt

    def bind(self, frame: Frame, events: Events) -> None:
        """Let the name stand for a display of the items too; it stays a container that gets what comes later."""
        before = frame.env[self.name]
        if isinstance(self.display, ir.Call) and any(isinstance(atom, Instance) for atom in before.atoms):
            return  # an object of the project holds its fields
        values = [
            events.value(item).with_role(_role_of_key(key) or role_of(item))
            for key, item in zip(self.keys, self.items, strict=True)
        ]
        frame.env[self.name] = before.join(self._row(values))

    def _row(self, values: list[Value]) -> Value:
        tags = taint(*values).tags
        names = tuple(key for key in self.keys if isinstance(key, str))
        places = {key: value for key, value in zip(self.keys, values, strict=True) if isinstance(key, int)}
        if names:
            return Value(frozenset((Record(RecordType("dict", names), self.display, tuple(values)),)), tags)
        if _PART in places or (places and isinstance(self.display, ir.Call)):
            roles = frozenset().union(*(value.roles for value in values))
            return Value(frozenset(), tags, roles if roles >= _TRANSITION else frozenset())
        if places:
            values = [places.get(place, UNKNOWN) for place in range(max(places) + 1)]
        return Value(frozenset((TupleOf(self.display, tuple(values)),)), tags)


def listed(block: list[ir.Stmt], begin: int) -> Listed | None:
    """What the statements of a block that follow one which makes an empty row put in, if they do."""
    made = block[begin]
    if not isinstance(made, ir.Assign) or len(made.targets) != 1 or not isinstance(made.targets[0], ir.Name):
        return None
    if made.value is None or (put := _filled(made.value)) is None:
        return None
    name = made.targets[0].id
    keys: list[_Key] = []
    items: list[ir.Expr] = []
    for statement in islice(block, begin + 1, None):
        pair = put(statement, name)
        if pair is None or (pair[0] not in (None, _PART) and pair[0] in keys):
            break
        keys.append(pair[0])
        items.append(pair[1])
    return Listed(name, made.value, keys, items, block[begin + len(items)]) if len(items) >= _FEWEST else None


def _filled(made: ir.Expr) -> Callable[[ir.Stmt, str], _Put | None] | None:
    """How what is made would be filled item by item; None for what is no empty row."""
    if isinstance(made, ir.Map):
        return None if made.keys else _set
    if isinstance(made, ir.Seq):
        is_blank = all(isinstance(item, ir.Const) for item in made.items)
        return None if made.kind != "list" or not is_blank else _placed if made.items else _appended
    if isinstance(made, ir.Bin):
        return _placed if made.op == "*" and any(isinstance(side, ir.Seq) for side in (made.left, made.right)) else None
    if not isinstance(made, ir.Call):
        return None
    if made.args:
        return _placed if ir.last_name(made.func) in _ARRAYS else None
    return _set if name_of(made.func) == "dict" else _given


def _appended(statement: ir.Stmt, name: str) -> _Put | None:
    """What a statement appends to the list of a name."""
    call = statement.value if isinstance(statement, ir.Do) else None
    if not isinstance(call, ir.Call) or not isinstance(call.func, ir.Attr) or call.func.attr != "append":
        return None
    is_plain = len(call.args) == 1 and not call.args[0].star and call.args[0].keyword is None
    return (None, call.args[0].value) if _is(call.func.value, name) and is_plain else None


def _set(statement: ir.Stmt, name: str) -> _Put | None:
    """The key and the value that a statement puts into the dictionary of a name."""
    pair = _at(statement, name)
    key = pair[0].value if pair is not None and isinstance(pair[0], ir.Const) else None
    return (key, pair[1]) if pair is not None and isinstance(key, str) else None


def _placed(statement: ir.Stmt, name: str) -> _Put | None:
    """The place and the value that a statement puts into the row of a name: one of several places for many."""
    pair = _at(statement, name)
    if pair is None:
        return None
    place = pair[0].value if isinstance(pair[0], ir.Const) else None
    if type(place) is int and place in _PLACES:
        return place, pair[1]
    return (_PART, pair[1]) if isinstance(pair[0], ir.Slice) else None


def _given(statement: ir.Stmt, name: str) -> _Put | None:
    """The field and the value that a statement gives the object of a name."""
    if not isinstance(statement, ir.Assign) or len(statement.targets) != 1 or statement.value is None:
        return None
    target = statement.targets[0]
    return (target.attr, statement.value) if isinstance(target, ir.Attr) and _is(target.value, name) else None


def _role_of_key(key: _Key) -> str | None:
    return role_of_name(key) if isinstance(key, str) else None


def _at(statement: ir.Stmt, name: str) -> tuple[ir.Expr, ir.Expr] | None:
    """The index and the value of an assignment to an item of a name."""
    if not isinstance(statement, ir.Assign) or len(statement.targets) != 1 or statement.value is None:
        return None
    target = statement.targets[0]
    return (target.index, statement.value) if isinstance(target, ir.Sub) and _is(target.value, name) else None


def _is(node: ir.Expr, name: str) -> bool:
    return isinstance(node, ir.Name) and node.id == name
