"""Loops over names that are written out, by which attributes are read and set: `for name in ("obs", "act")`.

Each name is another attribute, so that such a loop is gone through name by name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.interpret.known import mappings
from per_audit.graph.interpret.known.mappings import REST
from per_audit.graph.interpret.values import Literal, TupleOf, of

if TYPE_CHECKING:
    from per_audit.graph.interpret.frame import Frame
    from per_audit.graph.interpret.interpreter import Interpreter
    from per_audit.graph.interpret.values import Arguments, Value

_MOST = 24
_BY_NAME = {"getattr", "setattr", "vars"}
_FIELDS = "__dict__"


def turns(interpreter: Interpreter, iterated: Value, node: ir.Expr, body: list[ir.Node]) -> tuple[Value, ...] | None:
    """What each turn of a loop gets, if these are names by which its body asks for attributes; None for other loops."""
    if isinstance(node, ir.Call):
        rows = _zipped(interpreter, node) or _pairs(interpreter, node)
    else:
        rows = _items(interpreter, iterated)
    if not rows or len(rows) > _MOST or not any(map(asks_by_name, body)):
        return None
    return rows


def items(interpreter: Interpreter, iterated: Value, node: ir.Expr) -> tuple[Value, ...] | None:
    """The items of a display that are taken one by one: `x[i] for x in (self.states, self.actions)`."""
    shown = isinstance(node, ir.Seq) or all(isinstance(atom, TupleOf) for atom in iterated.atoms)
    if not shown or len(iterated.atoms) != 1:
        return None
    found = interpreter.parts.items_of(iterated)
    return found if found and len(found) <= _MOST else None


def owner_of(node: ir.Expr) -> ir.Expr | None:
    """The object whose attributes an expression holds by their names: that of `vars(memory)`, `memory.__dict__`."""
    if isinstance(node, ir.Attr) and node.attr == _FIELDS:
        return node.value
    if isinstance(node, ir.Call) and isinstance(node.func, ir.Name) and node.func.id == "vars" and len(node.args) == 1:
        return node.args[0].value
    return None


def _items(interpreter: Interpreter, iterated: Value) -> tuple[Value, ...]:
    """The items of what is gone through, if they are texts; of a dictionary its keys."""
    if mappings.holds_fields(iterated):
        return tuple(of(Literal(key)) for key in interpreter.parts.fields_of(iterated) if key != REST)
    items = interpreter.parts.items_of(iterated) if len(iterated.atoms) == 1 else None
    return items if items is not None and all(isinstance(item.literal(), str) for item in items) else ()


def _zipped(interpreter: Interpreter, node: ir.Call) -> tuple[Value, ...]:
    """The rows that `zip` makes of texts and as many other things."""
    if not isinstance(node.func, ir.Name) or node.func.id != "zip" or any(arg.star or arg.keyword for arg in node.args):
        return ()
    columns = [interpreter.parts.items_of(interpreter.events.value(arg.value)) for arg in node.args]
    texts = [_items(interpreter, interpreter.events.value(arg.value)) for arg in node.args]
    known = [column for column in columns if column is not None]
    if not any(texts) or len(known) < len(columns) or len({len(column) for column in known}) > 1:
        return ()
    return tuple(of(TupleOf(node, row)) for row in zip(*known, strict=True))


def _pairs(interpreter: Interpreter, node: ir.Call) -> tuple[Value, ...]:
    """The keys of a dictionary that are known, with what stands there: `kwargs.items()`."""
    if not isinstance(node.func, ir.Attr) or node.func.attr != "items" or node.args:
        return ()
    fields = interpreter.parts.fields_of(interpreter.events.value(node.func.value))
    return tuple(of(TupleOf(node, (of(Literal(key)), value))) for key, value in fields.items() if key != REST)


def update(interpreter: Interpreter, node: ir.Call, arguments: Arguments, frame: Frame) -> None:
    """`self.__dict__.update(fields)`: an object gets attributes by their names."""
    if not isinstance(node.func, ir.Attr) or node.func.attr != "update" or not arguments:
        return
    if (owner := owner_of(node.func.value)) is not None:
        for key, value in mappings.given(interpreter, arguments).items():
            if key != REST:
                target = ir.Attr(node.start, node.end, owner, key)
                interpreter.targets.assign_attribute(target, value, frame, node, None)


def asks_by_name(part: ir.Node) -> bool:
    """Whether something reads or sets attributes by their names."""
    return any(
        (isinstance(node, ir.Name) and node.id in _BY_NAME) or (isinstance(node, ir.Attr) and node.attr == _FIELDS)
        for node in ir.walk(part)
    )
