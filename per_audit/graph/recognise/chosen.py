"""Memories that are drawn from together, where one of them keeps chosen transitions: those with a reward, say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.interpret.roles import DONE, REWARD, role_of
from per_audit.graph.model import UNIFORM

if TYPE_CHECKING:
    from collections.abc import Iterator

    from per_audit.graph.interpret import events as ev
    from per_audit.graph.model import ReplayBuffer, ReplayGraph


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
    return len(together) > 1 and any(_keeps_chosen(graph, each, together) for each in together)


def _keeps_chosen(graph: ReplayGraph, buffer: ReplayBuffer, together: list[ReplayBuffer]) -> bool:
    """Whether a test of a reward or an end decides on all that this memory is given, and on nothing of the others."""
    others = {store.node for other in together if other is not buffer for store in other.stores}
    return bool(buffer.stores) and all(
        any(_asks(branch.test) and others.isdisjoint(ir.walk(*block)) for branch, block in _branches(graph, store))
        for store in buffer.stores
    )


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
    return any(role_of(part) in (REWARD, DONE) for part in ir.walk(test) if isinstance(part, (ir.Name, ir.Attr)))
