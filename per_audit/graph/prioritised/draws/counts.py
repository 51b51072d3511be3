"""How many transitions are drawn at once, as terms."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.interpret.known.draws import batch_argument
from per_audit.graph.symbolic import alternatives, strip

if TYPE_CHECKING:
    from collections.abc import Iterator

    from per_audit.graph.model import ReplayBuffer, ReplayGraph
    from per_audit.graph.symbolic import Term

_CALLERS = 4  # functions that hand on how many to take


def drawn_at_once(graph: ReplayGraph, buffer: ReplayBuffer) -> set[Term]:
    """What a draw is told of how many to take, and how often a loop around it draws one; what callers give for that."""
    edge: set[Term] = set()
    for source in buffer.sources:
        path = graph.path_of(source)
        if path is not None and isinstance(source, ir.Call):
            for count in (*_told(graph, source), *_repeated(graph, path, source)):
                edge.update(map(strip, alternatives(graph.symbols.term(path, count))))
    found: set[Term] = set()
    for _ in range(_CALLERS):
        found |= edge
        edge = {
            strip(option) for term in edge if term.op in ("param", "field") for option in graph.symbols.options(term)
        }
    return found


def _told(graph: ReplayGraph, source: ir.Call) -> Iterator[ir.Expr]:
    draw = graph.events.draws.get(source)
    count = source.argument(None, "size") if draw is None else batch_argument(source, draw.method)
    if count is not None:
        yield count


def _repeated(graph: ReplayGraph, path: str, source: ir.Call) -> Iterator[ir.Expr]:
    """The n of each `range(n)` that a loop or comprehension around a draw goes through, in its function."""
    for around in graph.ancestors(path, source):
        if isinstance(around, ir.Function):
            return
        loops = around.generators if isinstance(around, ir.Comp) else [around] if isinstance(around, ir.For) else []
        for loop in loops:
            if isinstance(loop.iter, ir.Call) and ir.last_name(loop.iter.func) == "range" and len(loop.iter.args) == 1:
                yield loop.iter.args[0].value
