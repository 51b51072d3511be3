"""Positions that are converted to a type that cannot count the slots of the buffer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.symbolic import strip

if TYPE_CHECKING:
    from collections.abc import Iterator

    from per_audit.graph.prioritised.anatomy import Anatomy

_SMALL = {"uint8", "int8", "ubyte"}
_CASTS = {"astype", "to", "type", "array", "asarray", "tensor", "as_tensor"}
_NAMED = {"byte", "char", *_SMALL}  # conversions that name the type: `at.byte()`, `np.uint8(at)`
_SLOTS = 256


def narrowed(anatomy: Anatomy) -> Iterator[tuple[ir.Call, str]]:
    """The conversions of drawn positions to 8 bits, where the buffer is not known to have so few slots."""
    if anatomy.capacity.is_at_most(_SLOTS):
        return
    functions = [function for function in anatomy.about.around if isinstance(function, ir.Function)]
    for function in sorted(functions, key=lambda function: function.start):
        path = anatomy.graph.project.module_of[function].path
        for node in ir.walk_scope(function.body):
            held = _converted(node)
            if held is not None and _is_position(anatomy, path, held):
                assert isinstance(node, ir.Call)
                yield node, path


def _converted(node: ir.Node) -> ir.Expr | None:
    """What a call makes small numbers of."""
    if not isinstance(node, ir.Call):
        return None
    name = ir.last_name(node.func)
    if name not in _NAMED and not (name in _CASTS and any(_name(arg.value) in _SMALL for arg in node.args)):
        return None
    first = node.args[0].value if node.args and node.args[0].keyword is None else None
    if first is not None and _name(first) not in _SMALL:
        return first
    return node.func.value if isinstance(node.func, ir.Attr) else None


def _name(node: ir.Expr) -> str:
    name = getattr(node, "attr", getattr(node, "id", getattr(node, "value", "")))
    return name if isinstance(name, str) else ""


def _is_position(anatomy: Anatomy, path: str, node: ir.Expr) -> bool:
    term = strip(anatomy.symbols.term(path, node))
    sources = anatomy.buffer.sources
    return term.op in ("draw", "found") and bool(anatomy.events.value(node).tagged("index") & sources)
