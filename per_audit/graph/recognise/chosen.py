"""Memories that are drawn from together, where one of them keeps chosen transitions: those with a reward, say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.interpret.roles import DONE, REWARD, name_of, role_of, words
from per_audit.graph.model import UNIFORM

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from per_audit.graph.interpret import events as ev
    from per_audit.graph.model import ReplayBuffer, ReplayGraph

_SIZES = {"len", "size", "capacity", "max", "full", "count", "counter", "maxlen", "limit", "random", "rand", "uniform"}


def drawn_beside(graph: ReplayGraph, buffer: ReplayBuffer) -> list[ReplayBuffer]:
    """The other memories that the same function draws from: each has a share of its own in what is learnt."""
    return [
        other
        for other in graph.buffers
        if other.kind == UNIFORM
        and (other.path, other.function) == (buffer.path, buffer.function)
        and buffer.function is not None
        and not other.containers & buffer.containers
    ]


def is_of_chosen(graph: ReplayGraph, buffer: ReplayBuffer) -> bool:
    """Whether a memory is drawn from together with one that keeps chosen transitions, or is that one itself."""
    together = [buffer, *drawn_beside(graph, buffer)]
    if len(together) == 1:
        return False
    asks = _asks_for_more if _are_joined(graph, together) else _asks
    return any(_keeps_chosen(graph, each, together, asks) for each in together)


def _keeps_chosen(
    graph: ReplayGraph, buffer: ReplayBuffer, together: list[ReplayBuffer], asks: Callable[[ir.Expr], bool]
) -> bool:
    """Whether a test of what is stored decides on all that this memory is given, and on nothing of the others."""
    others = {store.node for other in together if other is not buffer for store in other.stores}
    return bool(buffer.stores) and all(
        any(asks(branch.test) and others.isdisjoint(ir.walk(*block)) for branch, block in _branches(graph, store))
        for store in buffer.stores
    )


def _are_joined(graph: ReplayGraph, together: list[ReplayBuffer]) -> bool:
    """Whether what is drawn from two of the memories is put into one batch: `sample(a, n) + sample(b, n)`.

    Those of several agents are drawn from side by side as well.
    """
    function = together[0].function
    sums = (part for part in ir.walk(*([function] if function is not None else [])) if isinstance(part, ir.Bin))
    return any(
        part.op == "+" and _drawn(graph, part.left, together) and _drawn(graph, part.right, together) for part in sums
    )


def _drawn(graph: ReplayGraph, node: ir.Expr, together: list[ReplayBuffer]) -> bool:
    """Whether an expression holds rows that were drawn from one of the memories."""
    drawn = graph.events.value(node).tagged("draw")
    return any(not drawn.isdisjoint(buffer.draws) for buffer in together)


def _branches(graph: ReplayGraph, store: ev.Store) -> Iterator[tuple[ir.If, list[ir.Stmt]]]:
    """The branches around a store, each with its statements on the way to it."""
    below: ir.Node = store.node
    for around in graph.ancestors(store.path, store.node):
        if isinstance(around, (ir.Function, ir.For, ir.While)):
            return
        if isinstance(around, ir.If):
            yield around, around.body if below in around.body else around.orelse
        below = around


def _asks(test: ir.Expr) -> bool:
    """Whether a test asks for a reward or an end."""
    return any(role_of(part) in (REWARD, DONE) for part in ir.walk(test) if isinstance(part, (ir.Name, ir.Attr)))


def _asks_for_more(test: ir.Expr) -> bool:
    """Whether a test asks for something else than how much there is, or for a random number."""
    named = [part for part in ir.walk(test) if isinstance(part, (ir.Name, ir.Attr))]
    return bool(named) and all(_SIZES.isdisjoint(words(name_of(part) or "")) for part in named)
