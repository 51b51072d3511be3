"""What a memory makes itself, as against what another memory's objects are seen to put in its place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.graph.memory.given import class_around, class_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from per_audit.facts import ir
    from per_audit.graph.interpret.values import Alloc
    from per_audit.graph.model import ReplayGraph
    from per_audit.graph.symbolic import Term


def apart(
    graph: ReplayGraph, containers: Iterable[Alloc], holder: ir.Class | None
) -> tuple[list[Alloc], set[ir.Class]]:
    """The containers that a memory is meant to hold, and the classes of the memories whose own were left out.

    Where an object may be of either class, as in a list of agents each with a memory of its own, what is put back into
    it is seen to come to both: `agent.memory.rows = saved[agent]`. Nothing is left out of a memory that makes none.
    """
    listed = list(containers)
    if holder is None or len(listed) < 2:
        return listed, set()
    kin = graph.classes.kin(holder)
    made = {container: _made_by(graph, container) for container in listed}
    owners = {buffer.owner for buffer in (*graph.buffers, *graph.twins)}
    others = {cls for cls in made.values() if cls is not None and cls in owners and cls not in kin}
    if not others or kin.isdisjoint(made.values()):
        return listed, set()
    own = (site.classes for site in graph.events.calls.values() if class_of(graph, site) in kin)
    others.difference_update(*own)
    return [container for container in listed if made[container] not in others], others


def is_of(term: Term, classes: set[ir.Class]) -> bool:
    """Whether a term is an attribute of objects of one of some classes."""
    return term.op == "field" and isinstance(term.data, tuple) and term.data[0] in classes


def _made_by(graph: ReplayGraph, container: Alloc) -> ir.Class | None:
    path = graph.path_of(container.node)
    return None if path is None else class_around(graph, path, container.node)
