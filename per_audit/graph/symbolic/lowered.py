"""Attributes that are the smallest of what they were given: by `min`, or by a test before they are assigned."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.symbolic.term import Term, strip

if TYPE_CHECKING:
    from per_audit.graph.interpret import events as ev
    from per_audit.graph.symbolic.symbols import Symbols

_SIDES = {"<": ("minimum", "maximum"), ">": ("maximum", "minimum")}  # where what is written stands left, or right


def is_lowered(symbols: Symbols, field: Term, value: Term, write: ev.AttributeWrite) -> bool:
    """Whether a write leaves the smaller of an attribute and of something: by `min`, or under a test."""
    value = strip(value)
    if value.op in ("minimum", "min"):
        parts = value.args[0].args if value.op == "min" and value.args[0].op in ("tuple", "stack") else value.args
        return any(strip(part) == field for part in parts)
    return kept_by_test(symbols, field, write) == "minimum"


def kept_by_test(symbols: Symbols, field: Term, write: ev.AttributeWrite) -> str | None:
    """The `minimum` or `maximum` that an attribute is by `if p < self.least: self.least = p`; None for others."""
    for around in symbols.graph.ancestors(write.path, write.node):
        if isinstance(around, ir.Function):
            return None
        if isinstance(around, ir.If):
            inside = around.body[0].start <= write.node.start < around.body[-1].end
            return _compared(symbols, around.test, field, write) if inside else None
    return None


def _compared(symbols: Symbols, test: ir.Expr, field: Term, write: ev.AttributeWrite) -> str | None:
    """What a test leaves of an attribute that is given what it is compared with where the test holds."""
    if not isinstance(test, ir.Cmp) or len(test.ops) != 1 or write.expression is None or test.ops[0][0] not in _SIDES:
        return None
    left, right = (strip(symbols.term(write.path, side)) for side in (test.left, test.rights[0]))
    written = strip(symbols.term(write.path, write.expression))
    if {left, right} != {written, field}:
        return None
    return _SIDES[test.ops[0][0]][right == written]
