"""Rows of a batch that was drawn already: to draw some of them again is no draw from a memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.graph.interpret.values import Item, is_observed

if TYPE_CHECKING:
    from per_audit.graph.interpret.values import Value
    from per_audit.graph.model import ReplayBuffer
    from per_audit.graph.recognise.evidence import Evidence


def is_of_batch(evidence: Evidence, buffer: ReplayBuffer) -> bool:
    """Whether the function that draws makes the containers for what another draw gave, and keeps them nowhere.

    What an object holds may be a second memory, of rows that the first one gave.
    """
    graph = evidence.graph
    if buffer.function is None or not buffer.containers:
        return False
    stored = {store.container for store in buffer.stores}
    values = [store.value for store in buffer.stores]
    values += [graph.interpreter.content_of(container) for container in buffer.containers - stored]
    if not all(_is_drawn(evidence, value, buffer) for value in values):
        return False
    own = graph.reachable(buffer.function, 2)
    for container in buffer.containers:
        path = graph.path_of(container.node)
        if path is None or graph.symbols.function_of(path, container.node) not in own:
            return False
    held = (atom for value in graph.interpreter.attributes.values() for atom in value.atoms)
    return buffer.containers.isdisjoint(held)


def _is_drawn(evidence: Evidence, value: Value, buffer: ReplayBuffer) -> bool:
    """Whether what is stored was drawn from a memory before, rather than observed or drawn from the container itself.

    What environments draw of their own, such as a level, has a part in all that is observed.
    """
    before = value.tagged("draw") - buffer.sources
    rows = {atom.draw for atom in value.atoms if isinstance(atom, Item)}
    given = before & rows if is_observed(value) else before
    made = (evidence.events.draws.get(node) or evidence.events.masses.get(node) for node in given)
    return any(draw is not None and evidence.reads_transitions(draw) for draw in made)
