"""Tables of pandas that rows are put into one by one, and drawn from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.interpret.values import UNKNOWN, Alloc, Record, TupleOf, Value, of

if TYPE_CHECKING:
    from per_audit.graph.interpret.frame import Frame
    from per_audit.graph.interpret.interpreter import Interpreter

_TABLE, _JOINED = "DataFrame", "concat"
_MADE = {f"pandas.{_TABLE}", f"pandas.core.frame.{_TABLE}"}
_ROWS = {*_MADE, f"pandas.{_TABLE}.from_records", f"pandas.{_TABLE}.from_dict", "pandas.Series"}
_VIEWS = {"loc", "iloc", "values"}


def made(interpreter: Interpreter, name: str, node: ir.Call, values: list[Value]) -> Value | None:
    """The table that a call makes; one that is made of rows is what these are. None for other calls."""
    if name not in _ROWS:
        return None
    given = node.argument(0, "data")
    data = interpreter.events.value(given) if given is not None else UNKNOWN
    shown = [atom for atom in data.atoms if isinstance(atom, (TupleOf, Record))]
    if values and shown:
        rows = any(isinstance(atom, TupleOf) for atom in shown)
        inner = interpreter.parts.element(data) if rows else data
        return inner if any(isinstance(atom, (TupleOf, Record)) for atom in inner.atoms) else data
    is_blank = given is None or any(isinstance(atom, Alloc) and atom.kind == "array" for atom in data.atoms)
    return of(Alloc(node, "array")) if is_blank and name in _MADE else None


def is_view(table: Alloc, name: str) -> bool:
    """Whether an attribute of a table is the table itself, by places, names or as an array."""
    return name in _VIEWS and is_table(table)


def is_table(made_by: Alloc) -> bool:
    """Whether a container is a table."""
    node = made_by.node
    return isinstance(node, ir.Call) and ir.last_name(node.func) in (_TABLE, _JOINED)


def sample(interpreter: Interpreter, table: Alloc, node: ir.Call, frame: Frame) -> Value:
    """What `table.sample(n)` draws of the rows that were put in; `frac` has all of them shuffled, or a share."""
    if not node.args or node.argument(None, "frac") is not None or interpreter.content_of(table) == UNKNOWN:
        return UNKNOWN
    return interpreter.draws.draw(node, "sample", True, [of(table)], frame)
