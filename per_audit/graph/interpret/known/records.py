"""Records of libraries: types of named tuples, and objects that hold what they are given by its names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.interpret.known import mappings
from per_audit.graph.interpret.values import UNKNOWN, RecordType, Value, of

if TYPE_CHECKING:
    from per_audit.graph.interpret.interpreter import Interpreter
    from per_audit.graph.interpret.values import Arguments

_TYPES = {"collections.namedtuple", "typing.NamedTuple"}
# What is given to these is read as attributes, or under its keys.
_NAMESPACES = {
    "types.SimpleNamespace", "easydict.EasyDict", "munch.Munch", "box.Box", "addict.Dict", "ml_collections.ConfigDict",
    "tensordict.TensorDict",
}  # fmt: skip


def made(interpreter: Interpreter, name: str, node: ir.Call, arguments: Arguments) -> Value | None:
    """The record, or type of records, that a call makes; None for other calls."""
    if name in _TYPES:
        return _type(node)
    if name not in _NAMESPACES or not arguments:
        return None
    return mappings.united(interpreter, node, (mappings.given(interpreter, arguments),))


def _type(node: ir.Call) -> Value:
    name = node.argument(0, "typename")
    fields = node.argument(1, "field_names")
    names: list[str] = []
    if isinstance(fields, ir.Const) and isinstance(fields.value, str):
        names = fields.value.replace(",", " ").split()
    elif isinstance(fields, ir.Seq):
        for item in fields.items:
            key = item.items[0] if isinstance(item, ir.Seq) and item.items else item
            if isinstance(key, ir.Const) and isinstance(key.value, str):
                names.append(key.value)
    title = str(name.value) if isinstance(name, ir.Const) else "record"
    return of(RecordType(title, tuple(names))) if names else UNKNOWN
