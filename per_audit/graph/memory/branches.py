"""How often several ways through a program are gone together: of the branches of one test, one is taken each time."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from per_audit.facts import ir

if TYPE_CHECKING:
    from per_audit.graph.model import ReplayGraph


Counts = dict[frozenset[object], int]
"""How often, by what tells apart whatever is worked on."""


class Way(NamedTuple):
    """The calls from the start of a program to a place in it, and how often they are made."""

    calls: tuple[tuple[str, ir.Node], ...]
    counts: Counts


def together(graph: ReplayGraph, ways: list[Way]) -> Counts:
    """The counts of all ways added up; of those through both branches of a test the larger ones."""
    ended = [way.counts for way in ways if not way.calls]
    starts = dict.fromkeys(way.calls[0] for way in ways if way.calls)
    inner = {
        start: together(graph, [Way(way.calls[1:], way.counts) for way in ways if way.calls[:1] == (start,)])
        for start in starts
    }
    return _sum([*ended, _side_by_side(graph, inner)])


def _side_by_side(graph: ReplayGraph, counts: dict[tuple[str, ir.Node], Counts]) -> Counts:
    """The counts of several places, of which no other one leads to another."""
    for path, node in counts:
        for around in graph.ancestors(path, node):
            if isinstance(around, ir.If) and around.orelse:
                first, second = set(ir.walk(*around.body)), set(ir.walk(*around.orelse))
                sides = [{at: counts[at] for at in counts if at[1] in branch} for branch in (first, second)]
                if all(sides):
                    taken = [_side_by_side(graph, side) for side in sides]
                    larger = {key: max(side.get(key, 0) for side in taken) for key in {**taken[0], **taken[1]}}
                    others = {at: counts[at] for at in counts if at[1] not in first | second}
                    return _sum([larger, _side_by_side(graph, others)])
    return _sum(list(counts.values()))


def _sum(counts: list[Counts]) -> Counts:
    return {key: sum(count.get(key, 0) for count in counts) for count in counts for key in count}
