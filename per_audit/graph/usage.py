"""Which buffers of connected files are in use there: made by something that is itself made, or that runs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from per_audit.facts import ir

if TYPE_CHECKING:
    from collections.abc import Iterator

    from per_audit.graph.model import ReplayBuffer, ReplayGraph


def has_one_in_use(graph: ReplayGraph) -> bool:
    """Whether the files make a replay buffer and draw from it, be it their own, a library's or the reference's."""
    if graph.reference_buffers() or any(buffer.samples for buffer in graph.library):
        return True
    return any(
        buffer.owner is None
        or (buffer.instances and (buffer.samples or graph.is_agent(buffer)) and not is_unnamed(graph, buffer.owner))
        for buffer in graph.buffers
    )


def unmade(graph: ReplayGraph) -> list[ReplayBuffer]:
    """The buffers whose class nothing in the files makes, or would be able to."""
    return [b for b in graph.buffers if b.owner is not None and is_unnamed(graph, b.owner)]


def is_unnamed(graph: ReplayGraph, cls: ir.Class, seen: frozenset[ir.Class] = frozenset()) -> bool:
    """Whether a class is named nowhere but in itself and in classes of which the same is true; imports do not count."""
    if cls in seen:
        return True
    seen |= {cls}
    return all(around is not None and is_unnamed(graph, around, seen) for around in _naming(graph, cls))


def _naming(graph: ReplayGraph, cls: ir.Class) -> Iterator[ir.Class | None]:
    """The outermost class around each place that names a class, but itself; None for a place in no class."""
    word = re.compile(rf"\b{re.escape(cls.name)}\b")
    for module in graph.project.modules.values():
        if cls.name.encode() not in module.text:
            continue
        for statement in module.body:
            if statement is cls or (isinstance(statement, ir.Do) and isinstance(statement.value, ir.Const)):
                continue
            if any(_names(node, word) for node in ir.walk(statement)):
                yield statement if isinstance(statement, ir.Class) else None


def _names(node: ir.Node, word: re.Pattern[str]) -> bool:
    text = getattr(node, "id", getattr(node, "attr", getattr(node, "value", None)))
    return isinstance(node, (ir.Name, ir.Attr, ir.Const)) and isinstance(text, str) and bool(word.search(text))
