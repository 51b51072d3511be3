"""Draws of a place in what another draw gave: where in an episode that was drawn the window begins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir

if TYPE_CHECKING:
    from per_audit.graph.model import ReplayBuffer, ReplayGraph


def is_within(graph: ReplayGraph, buffer: ReplayBuffer, others: list[ReplayBuffer]) -> bool:
    """Whether all that is read at what a buffer's draws give was drawn from another buffer, by the same function.

    It is one memory that both draw from: first an episode, then a step of it.
    """
    outer = {
        draw
        for other in others
        if other is not buffer and (other.path, other.function) == (buffer.path, buffer.function)
        for draw in other.draws
        if draw.start < buffer.draws[0].start
    }
    if not outer:
        return False
    value = graph.events.value
    read = [gather.node for gather in graph.events.gathers.values() if not gather.draws.isdisjoint(buffer.draws)]
    return bool(read) and all(
        isinstance(node, ir.Sub) and not outer.isdisjoint(value(node.value).tagged("draw")) for node in read
    )
