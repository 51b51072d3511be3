"""A search by hand among numbers in order: half of what is left is ruled out at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir

if TYPE_CHECKING:
    from collections.abc import Iterator

    from per_audit.graph.interpret.frame import Frame

_HALF = {("//", 2), (">>", 1), ("/", 2)}


def halved(sides: tuple[ir.Expr, ...], frame: Frame) -> Iterator[ir.Expr]:
    """What a comparison reads in the middle of, such as `sums` of `sums[middle] > number`, in a loop that halves."""
    for side in sides:
        if isinstance(side, ir.Sub) and isinstance(side.value, (ir.Name, ir.Attr)):
            index = side.index
            if _is_middle(index) or (isinstance(index, ir.Name) and _is_halving(index.id, side, frame)):
                yield side.value


def _is_halving(name: str, at: ir.Expr, frame: Frame) -> bool:
    """Whether a loop around a place gives a name the middle of two others."""
    body = frame.function.body if isinstance(frame.function, ir.Function) else frame.module.body
    return any(
        isinstance(part, ir.Assign)
        and part.value is not None
        and _is_middle(part.value)
        and any(isinstance(target, ir.Name) and target.id == name for target in part.targets)
        for loop in ir.walk_scope(body)
        if isinstance(loop, (ir.While, ir.For)) and loop.start <= at.start < loop.end
        for part in ir.walk_scope(loop.body)
    )


def _is_middle(value: ir.Expr) -> bool:
    """Whether an expression is the middle of two names: `(low + high) // 2`, `low + (high - low) // 2`."""
    while isinstance(value, ir.Call) and len(value.args) == 1:  # int(...)
        value = value.args[0].value
    if not isinstance(value, ir.Bin):
        return False
    if value.op == "+":
        left, right = value.left, value.right
        return isinstance(left, ir.Name) and isinstance(right, ir.Bin) and _is_half(right, "-")
    return _is_half(value, "+")


def _is_half(value: ir.Bin, of: str) -> bool:
    by, both = getattr(value.right, "value", None), value.left
    if (value.op, by) not in _HALF or not isinstance(both, ir.Bin) or both.op != of:
        return False
    if isinstance(both.right, ir.Const) and isinstance(both.left, ir.Bin) and both.left.op == of:
        both = both.left  # (low + high + 1) // 2
    return isinstance(both.left, ir.Name) and isinstance(both.right, ir.Name)
