"""Importance-sampling weights that are computed by logarithms: `exp(-beta * (log(n) + log(p)))` is `(n * p) ** -beta`.

`("log", node)` is the logarithm of something that was drawn, `("logw", node)` one that is multiplied by what a weight
is raised to. Both hold as long as the value is added to, scaled, or put into another form.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.interpret.known import externals as ext

if TYPE_CHECKING:
    from collections.abc import Callable

    from per_audit.graph.interpret.values import Value

LOG, WEIGHT = "log", "logw"
_LOGARITHM, _EXPONENTIAL = "log", "exp"
_KEEP = {*ext.CONVERSIONS, *ext.SHAPED, "mul", "multiply", "add", "sub", "subtract", "neg", "negative", "div", "divide"}
_DRAWN = ("draw", "index", "mass")


def of_call(name: str, node: ir.Call, given: Value, result: Value) -> Value:
    """What a numeric function of that name makes of a result's logarithms; `given` is its first argument."""
    if name == _LOGARITHM:
        return without(result).with_tags((LOG, node)) if any(map(given.tagged, _DRAWN)) else result
    if name == _EXPONENTIAL and given.tagged(WEIGHT):
        return without(result).with_tags(("isw", node))
    return result if name in _KEEP else without(result)


def read(value: Value, node: ir.Sub) -> Value:
    """What is read at drawn positions, of an array of logarithms where that is written there: `np.log(p)[drawn]`."""
    is_one = isinstance(node.value, ir.Call) and ir.last_name(node.value.func) == _LOGARITHM
    return value.with_tags((LOG, node)) if is_one else value


def without(value: Value) -> Value:
    """The value as something that is no logarithm any more."""
    return value.without(LOG).without(WEIGHT)


def is_one(value: Value) -> bool:
    """Whether the value is made of the logarithm of something that was drawn."""
    return bool(value.tagged(LOG))


def of_drawn(value: Value, reads: Callable[[ir.Expr], bool]) -> bool:
    """Whether `reads` holds of what the logarithms are of: whether it is read at positions that were drawn."""
    return any(isinstance(node, ir.Expr) and reads(node) for node in value.tagged(LOG))


def weighed(value: Value) -> Value:
    """The logarithm of a weight: one that is multiplied by what a weight is raised to."""
    return value.with_tags(*((WEIGHT, node) for node in value.tagged(LOG)))
