"""Whether all that learn from a prioritised buffer drop the weights that come with its batches."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.interpret.roles import name_of, words
from per_audit.graph.liveness.usage import is_name_read, is_unnamed
from per_audit.graph.prioritised.priorities import WEIGHT_WORDS

if TYPE_CHECKING:
    from per_audit.graph.interpret import events as ev
    from per_audit.graph.model import ReplayBuffer, ReplayGraph


def is_dropped_by_all(graph: ReplayGraph, buffer: ReplayBuffer) -> bool:
    """Whether a learner drops the weights, and no other that the project makes has a use for them.

    In what is taken apart into a number of parts that does not fit, nothing is known of any of them: there weights are
    used where they are called so.
    """
    about = graph.priorities(buffer)
    dropping = {unpack.function for unpack in about.dropped if graph.learns(unpack.function, (unpack.path,))}
    if not dropping:
        return False
    others = {function for function in about.around - dropping if not _is_of_unnamed(graph, function)}
    if any(product.function in others | dropping for product in graph.corrections.products):
        return False
    paths = (buffer.path, *(site.path for site in buffer.samples))
    return not any(graph.learns(function, paths) and _may_use(graph, buffer, function) for function in others)


def _is_of_unnamed(graph: ReplayGraph, function: ev.Owner) -> bool:
    cls = graph.project.class_of.get(function) if isinstance(function, ir.Function) else None
    return cls is not None and is_unnamed(graph, cls)


def _may_use(graph: ReplayGraph, buffer: ReplayBuffer, function: ev.Owner) -> bool:
    """Whether a function reads weights: by their name, by their place, or in a batch that it keeps whole."""
    about = graph.priorities(buffer)
    nodes = (node for node in about.bodies({function}) if isinstance(node, (ir.Name, ir.Attr, ir.Sub)))
    if any(about.is_weight(node) and not WEIGHT_WORDS.isdisjoint(words(name_of(node) or "")) for node in nodes):
        return True
    spilled = graph.interpreter.parts.spilled
    taken = [
        unpack
        for unpack in graph.events.unpacks.values()
        if unpack.function is function and spilled(unpack.value).tagged("isw") & about.weights
    ]
    if not taken:
        return about.uses_weights(function)
    return any(
        not isinstance(item, ir.Name) or is_name_read(graph, unpack.path, function, item.id)
        for unpack in taken
        for item in about.weights_among(unpack)
    )
