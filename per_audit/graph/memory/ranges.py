"""How often a loop counts: over `range(n)`, be it under a name or inside of a progress bar."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.interpret.roles import name_of
from per_audit.graph.memory.capacity import number_of

if TYPE_CHECKING:
    from per_audit.graph.memory.given import Calls
    from per_audit.graph.model import ReplayGraph

_RANGES = ("range", "trange", "xrange")
_DEEPEST = 3


def turns(graph: ReplayGraph, path: str, loop: ir.For | ir.Generator, calls: Calls | None = None) -> int | None:
    """How often a loop over a range is gone through at most; an option is what it is where nobody gives it.

    `calls` are those that are looked at, of functions that several call.
    """
    call = range_of(graph, path, loop)
    given = [arg.value for arg in call.args if not arg.keyword] if call is not None else []
    if not given:
        return None
    last = number_of(graph, path, given[0 if len(given) == 1 else 1], calls=calls).usual
    if last is None:
        return None
    first = _written(given[0], 0) if len(given) > 1 else 0
    apart = _written(given[2], 1) if len(given) > 2 else 1
    return max(-(-(last - first) // max(apart, 1)), 1)


def range_of(graph: ReplayGraph, path: str, loop: ir.For | ir.Generator) -> ir.Call | None:
    """The call of `range` whose numbers a loop goes through, None where it goes through something else."""
    node: ir.Expr | None = loop.iter
    for _ in range(_DEEPEST):
        if isinstance(node, ir.Name):
            node = _assigned(graph, path, loop, node.id)
        if not isinstance(node, ir.Call):
            return None
        if name_of(node.func) in _RANGES:
            return node
        node = node.args[0].value if node.args else None  # a progress bar, numbers that are counted once more
    return None


def _assigned(graph: ReplayGraph, path: str, loop: ir.For | ir.Generator, name: str) -> ir.Expr | None:
    """What a name is assigned in the function of a loop, where that is one thing."""
    function = graph.symbols.function_of(path, loop)
    body = graph.module(path).body if function is None else [function]
    made = [
        part
        for part in ir.walk(*body)
        if isinstance(part, ir.Assign)
        and graph.symbols.function_of(path, part) is function
        and any(isinstance(target, ir.Name) and target.id == name for target in part.targets)
    ]
    return made[0].value if len(made) == 1 else None


def _written(node: ir.Expr, default: int) -> int:
    """A number that stands in the code; where a range begins elsewhere, it is gone through less often."""
    return node.value if isinstance(node, ir.Const) and isinstance(node.value, int) else default
