"""Draws of several functions, or of several parts, that are all from one memory: what is wrong with it is told once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.graph.model import UNIFORM

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from per_audit.facts import ir
    from per_audit.findings import Evidence
    from per_audit.graph.interpret import events as ev
    from per_audit.graph.model import ReplayBuffer, ReplayGraph

_NAMED = 3  # further places that are told by name


def memories(graph: ReplayGraph) -> Iterator[list[ReplayBuffer]]:
    """The uniform buffers, those of one memory together, in the order of their first."""
    groups: list[list[ReplayBuffer]] = []
    for buffer in graph.buffers:
        if buffer.kind == UNIFORM:
            joined = [group for group in groups if any(_is_one(graph, buffer, other) for other in group)]
            groups = [group for group in groups if group not in joined]
            groups.append([*(each for group in joined for each in group), buffer])
    position = {id(buffer): number for number, buffer in enumerate(graph.buffers)}
    for group in groups:
        group.sort(key=lambda buffer: position[id(buffer)])
    yield from sorted(groups, key=lambda group: position[id(group[0])])


def holder(graph: ReplayGraph, buffers: list[ReplayBuffer]) -> ReplayBuffer:
    """Of the buffers of one memory, that of the class which holds what is stored: no base of another."""
    return max(buffers, key=lambda buffer: len(graph.classes.mro(buffer.owner)) if buffer.owner is not None else 0)


def also_drawn(graph: ReplayGraph, buffers: Iterable[ReplayBuffer]) -> tuple[str, tuple[Evidence, ...]]:
    """Where further draws of a memory are, for people behind the text of the first, and as evidence."""
    drawn = [(buffer.path, draw) for buffer in buffers for draw in buffer.draws[:1]]
    links = tuple(graph.evidence(path, draw, "drawn", "transitions are drawn here, too") for path, draw in drawn)
    places = [f"{link.place.path}:{link.place.line}" for link in links[:_NAMED]]
    more = [f"{len(links) - _NAMED} more places"] if len(links) > _NAMED else []
    return f", and at {' and '.join([*places, *more])}" if links else "", links


def _is_one(graph: ReplayGraph, one: ReplayBuffer, other: ReplayBuffer) -> bool:
    """Whether two buffers are of one object: draws of its methods, or of the parts that each batch is joined of."""
    if one.owner is None or one.owner is not other.owner:
        return _holds_for(graph, one, other) or _holds_for(graph, other, one)
    is_part = one.function is other.function and graph.name_of(one) == graph.name_of(other)
    return is_part or bool(one.containers & other.containers)


def _holds_for(graph: ReplayGraph, base: ReplayBuffer, heir: ReplayBuffer) -> bool:
    """Whether all that a class draws from, and stores nothing into itself, is what an heir of it stores."""
    if base.owner is None or heir.owner is None or not base.containers & heir.containers:
        return False
    if base.owner is heir.owner or base.owner not in graph.classes.mro(heir.owner):
        return False
    return not any(_class_of(graph, store.function) is base.owner for store in base.stores)


def _class_of(graph: ReplayGraph, function: ev.Owner) -> ir.Class | None:
    return graph.project.class_of.get(function) if function is not None else None
