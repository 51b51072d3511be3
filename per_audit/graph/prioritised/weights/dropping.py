"""Whether all that learn from a prioritised buffer drop the weights that come with its batches."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.interpret.roles import name_of, words
from per_audit.graph.libraries.buffers import is_test
from per_audit.graph.liveness.memories.usage import is_unnamed
from per_audit.graph.prioritised.weights.uses import WEIGHT_WORDS

_SENDS = {"put", "put_nowait", "put_async", "send", "send_pyobj", "push"}  # of queues and pipes

if TYPE_CHECKING:
    from per_audit.graph.interpret import events as ev
    from per_audit.graph.model import ReplayBuffer, ReplayGraph


def is_dropped_by_all(graph: ReplayGraph, buffer: ReplayBuffer) -> bool:
    """Whether a learner drops the weights, and no other that the project makes has a use for them.

    In what is taken apart into a number of parts that does not fit, nothing is known of any of them: there weights are
    used where they are called so.
    """
    about = graph.priorities(buffer)
    if is_dropped_where_drawn(graph, buffer):
        return True
    dropping = {unpack.function for unpack in about.uses.dropped if graph.learns(unpack.function, (unpack.path,))}
    if not dropping:
        return False
    others = {function for function in about.around - dropping if not _is_of_unnamed(graph, function)}
    if any(product.function in others | dropping for product in graph.corrections.products):
        return False
    paths = (buffer.path, *(site.path for site in buffer.samples))
    return not any(graph.learns(function, paths) and _may_use(graph, buffer, function) for function in others)


def is_dropped_where_drawn(graph: ReplayGraph, buffer: ReplayBuffer) -> bool:
    """Whether each draw is taken apart on the spot and sent to another process without its weights."""
    outside = (site for site in _draws_outside(graph, buffer) if not is_test(site.path))
    draws = [site for site in outside if not graph.demos.is_dry(site.path, site.node)]
    dropped = graph.priorities(buffer).uses.dropped
    return bool(draws) and all(any(_sends_rest(graph, unpack, site) for unpack in dropped) for site in draws)


def _draws_outside(graph: ReplayGraph, buffer: ReplayBuffer) -> list[ev.CallSite]:
    """The calls that draw from outside of the buffer, through its own methods."""
    own = graph.priorities(buffer).functions
    found = list(buffer.samples)
    inside: set[ev.Owner] = set()
    for site in found:
        if site.function in own and site.function not in inside:
            inside.add(site.function)
            found += graph.callers.get(site.function, ())
    return [site for site in found if site.function not in own]


def _sends_rest(graph: ReplayGraph, unpack: ev.Unpack, draw: ev.CallSite) -> bool:
    """Whether parts of what a draw returns are sent away, and the whole of it serves for nothing else."""
    names = {item.id for item in unpack.node.items if isinstance(item, ir.Name)}
    return _takes_apart(graph, unpack, draw) and any(
        isinstance(node, ir.Call)
        and isinstance(node.func, ir.Attr)
        and node.func.attr in _SENDS
        and len([part for part in ir.walk(*node.args) if isinstance(part, ir.Name) and part.id in names]) > 1
        for node in ir.walk(draw.function or draw.node)
    )


def _takes_apart(graph: ReplayGraph, unpack: ev.Unpack, draw: ev.CallSite) -> bool:
    """Whether what a draw returns is taken apart there and serves for nothing else."""
    statement = graph.statement(unpack.path, unpack.node)
    if unpack.function is not draw.function or not isinstance(statement, ir.Assign):
        return False
    if not isinstance(statement.value, ir.Name) or draw.function is None:
        return statement.value is draw.node
    batch = statement.value
    made = graph.statement(draw.path, draw.node)
    named = [node for node in ir.walk(draw.function) if isinstance(node, ir.Name) and node.id == batch.id]
    return (
        isinstance(made, ir.Assign)
        and made.value is draw.node
        and len(made.targets) == 1
        and set(named) == {made.targets[0], batch}
    )


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
        return about.uses.are_in(function)
    return any(
        not isinstance(item, ir.Name) or about.uses.is_put_to_use(unpack, item.id)
        for unpack in taken
        for item in about.uses.weights_among(unpack)
    )
