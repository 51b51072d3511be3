"""Recognition of replay buffers by structure: what is stored, how it is drawn, who learns from it."""

from __future__ import annotations

from per_audit.graph.libraries.algorithms import find_algorithms
from per_audit.graph.libraries.buffers import find_library_buffers
from per_audit.graph.libraries.heirs import find_heirs
from per_audit.graph.libraries.unrewarded import is_learnt_without_rewards
from per_audit.graph.liveness.memories.dropped import is_dropped
from per_audit.graph.liveness.memories.late import is_made_late
from per_audit.graph.liveness.memories.lifetimes import (
    has_idle_learners,
    is_only_timed,
    is_replaced,
    is_uncalled,
    is_unused,
)
from per_audit.graph.liveness.memories.measured import is_only_converted, is_only_measured
from per_audit.graph.liveness.memories.shown import is_only_shown
from per_audit.graph.model import PRIORITISED, ReplayBuffer, ReplayGraph
from per_audit.graph.recognise.draws.moved import is_moved_on
from per_audit.graph.recognise.evidence import Evidence
from per_audit.graph.recognise.learning.alternatives import Alternatives
from per_audit.graph.recognise.learning.wrapped import Wrappers
from per_audit.graph.recognise.prioritised import Prioritised
from per_audit.graph.recognise.uniform import Uniform

_NO_MEMORIES = (
    has_idle_learners, is_only_timed, is_only_measured, is_only_converted, is_only_shown, is_replaced, is_made_late,
    is_dropped,
)  # fmt: skip


def find_buffers(graph: ReplayGraph) -> None:
    """Fill `graph.buffers` and `graph.twins`, in order of their places."""
    evidence = Evidence(graph)
    by_priority = Prioritised(evidence)
    prioritised = by_priority.find()
    drawing = {buffer.function for buffer in prioritised if buffer.owner is not None}
    alternatives = Alternatives(graph, by_priority.functions | drawing, Wrappers(graph, by_priority.choosing))
    finder = Uniform(evidence, alternatives)
    uniform = [
        buffer
        for buffer in finder.find()
        if not finder.is_part_of(buffer, prioritised) and not finder.is_overridden(buffer, prioritised)
        if not is_moved_on(graph, buffer, prioritised)
    ]
    found = _without_dead(prioritised + uniform)
    if any(buffer.instances for buffer in found):
        found = [b for b in found if b.kind == PRIORITISED or not is_unused(graph, b)]
    if any(buffer.samples for buffer in found):
        found = [b for b in found if b.kind == PRIORITISED or not is_uncalled(graph, b)]
    found = [b for b in found if b.kind == PRIORITISED or not _is_none(graph, b)]
    graph.buffers = sorted(found, key=_place)
    twins = [b for b in finder.twins if not finder.is_overridden(b, prioritised)]
    twins = [b for b in _without_dead([*found, *twins]) if b in twins]
    graph.twins = sorted((b for b in twins if not is_unused(graph, b) and not _is_none(graph, b)), key=_place)
    known = {cls for b in uniform if b.owner is not None for cls in (b.owner, *graph.classes.heirs(b.owner))}
    made = find_library_buffers(graph.project.modules, graph.events, known)
    made = [each for each in made if each.prioritised or not is_learnt_without_rewards(graph, each)]
    made += find_heirs(graph, known)
    plain = {each.node for each in made if not each.prioritised}
    made = [each for each in made if each.prioritised or not alternatives.has_other_way(each.path, each.node, plain)]
    made += find_algorithms(graph.project.modules, graph.events)
    graph.library = sorted(made, key=lambda buffer: (buffer.path, buffer.node.start))
    replaced = {site.path for buffer in graph.library if buffer.prioritised for site in buffer.samples}
    graph.buffers = [b for b in graph.buffers if b.kind == PRIORITISED or b.path not in replaced or _is_made(b)]


def _is_none(graph: ReplayGraph, buffer: ReplayBuffer) -> bool:
    """Whether what looks like a memory is none that anybody learns from."""
    return any(is_none(graph, buffer) for is_none in _NO_MEMORIES)


def _place(buffer: ReplayBuffer) -> tuple[str, int]:
    return buffer.path, buffer.draws[0].start


def _is_made(buffer: ReplayBuffer) -> bool:
    """Whether the project makes an object of the buffer's class, or has none for it."""
    return buffer.owner is None or bool(buffer.instances)


def _without_dead(buffers: list[ReplayBuffer]) -> list[ReplayBuffer]:
    """Without the draws of methods that nobody calls while another drawing method of the same class is called."""
    alive = {buffer.owner for buffer in buffers if buffer.owner is not None and buffer.samples}
    return [b for b in buffers if b.samples or b.owner not in alive]
