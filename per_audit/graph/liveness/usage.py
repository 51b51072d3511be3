"""Which buffers of connected files are in use there: made by something that is itself made, or that runs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeAlias

from per_audit.facts import ir
from per_audit.graph.liveness.demos import Trial

if TYPE_CHECKING:
    from collections.abc import Iterator

    from per_audit.graph.model import ReplayBuffer, ReplayGraph

_Unit: TypeAlias = ir.Class | ir.Function


def has_one_in_use(graph: ReplayGraph) -> bool:
    """Whether the files make a replay buffer and draw from it, be it their own, a library's or the reference's."""
    if graph.reference_buffers() or any(buffer.samples for buffer in graph.library):
        return True
    return any(
        buffer.owner is None
        or (buffer.instances and (buffer.samples or graph.is_agent(buffer)) and not is_unnamed(graph, buffer.owner))
        for buffer in graph.buffers
    )


def unused(graph: ReplayGraph) -> list[ReplayBuffer]:
    """The buffers whose class nothing in the files makes, or would be able to, but to try it out."""
    return [b for b in graph.buffers if b.owner is not None and is_unnamed(graph, b.owner)]


def is_tried_out(graph: ReplayGraph, buffer: ReplayBuffer) -> bool:
    """Whether something makes an object of the buffer's class, or would be able to, at least to try it out."""
    return buffer.owner is None or not is_unnamed(graph, buffer.owner, trials_count=True)


def is_unnamed(
    graph: ReplayGraph, unit: _Unit, seen: frozenset[_Unit] = frozenset(), trials_count: bool = False
) -> bool:
    """Whether a class is named nowhere but in itself, in classes of which the same is true and where it is tried out.

    Imports do not count; a function that nothing names is started by hand.
    """
    if unit in seen:
        return True
    seen |= {unit}
    naming = list(_naming(graph, unit))
    if isinstance(unit, ir.Function) and not naming:
        return False
    return all(
        not trials_count
        if isinstance(around, Trial)
        else around is not None and is_unnamed(graph, around, seen, trials_count)
        for around in naming
    )


def _naming(graph: ReplayGraph, unit: _Unit) -> Iterator[_Unit | Trial | None]:
    """The trial, or the outermost class or function, around each place that names a unit, but itself.

    None for a place in none of these.
    """
    word = re.compile(rf"\b{re.escape(unit.name)}\b")
    for path, module in graph.project.modules.items():
        if unit.name.encode() not in module.text:
            continue
        for statement in module.body:
            if statement is unit or (isinstance(statement, ir.Do) and isinstance(statement.value, ir.Const)):
                continue
            if any(_names(node, word) for node in ir.walk(statement)):
                around = statement if isinstance(statement, (ir.Class, ir.Function)) else None
                yield graph.demos.of(path, statement) or around


def _names(node: ir.Node, word: re.Pattern[str]) -> bool:
    text = getattr(node, "id", getattr(node, "attr", getattr(node, "value", None)))
    return isinstance(node, (ir.Name, ir.Attr, ir.Const)) and isinstance(text, str) and bool(word.search(text))
