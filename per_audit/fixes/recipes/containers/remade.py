"""Containers that a method makes anew where it empties the memory: `self.items = deque()` in `clear()`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir

if TYPE_CHECKING:
    from collections.abc import Iterable

    from per_audit.graph import ReplayGraph
    from per_audit.graph.interpret.values import Alloc


def first_made(graph: ReplayGraph, containers: set[Alloc]) -> tuple[Alloc, list[ir.Assign]] | None:
    """The container that the constructor makes, and the statements that put another empty one in its place.

    None where the containers are not one attribute of one class, or anything else than an empty one is put there.
    """
    made = {container: _statement(graph, container) for container in containers}
    begun = [container for container, found in made.items() if found is not None and found[1].name == "__init__"]
    kinds = {container.kind for container in containers}
    owners = {
        (graph.project.class_of.get(found[1]), target.attr)
        for found in made.values()
        if found is not None and isinstance(target := found[0].targets[0], ir.Attr)
    }
    if len(begun) != 1 or None in made.values() or len(kinds) != 1 or len(owners) != 1 or next(iter(owners))[0] is None:
        return None
    others = [found[0] for container, found in made.items() if container != begun[0] and found is not None]
    return (begun[0], others) if all(is_empty(container.node) for container in containers) else None


def constructed(graph: ReplayGraph, containers: Iterable[Alloc]) -> set[Alloc]:
    """The containers that a constructor makes, where each other one takes the place of one of them; all otherwise."""
    made = {container: _statement(graph, container) for container in containers}
    fields = {
        container: (graph.project.class_of.get(found[1]), target.attr)
        for container, found in made.items()
        if found is not None and isinstance(target := found[0].targets[0], ir.Attr)
    }
    begun = {c for c in fields if (found := made[c]) is not None and found[1].name == "__init__"}
    is_known = set(fields.values()) == {fields[container] for container in begun} and len(fields) == len(made)
    return begun if is_known else set(made)


def _statement(graph: ReplayGraph, container: Alloc) -> tuple[ir.Assign, ir.Function] | None:
    """The assignment of a new container to an attribute of the object, and the method that it stands in."""
    path = graph.path_of(container.node)
    statement = graph.parents(path).get(container.node) if path is not None else None
    if path is None or not isinstance(statement, ir.Assign) or statement.value is not container.node:
        return None
    target = statement.targets[0] if len(statement.targets) == 1 else None
    method = next((node for node in graph.ancestors(path, statement) if isinstance(node, ir.Function)), None)
    if method is None or not method.parameters or not isinstance(target, ir.Attr):
        return None
    holder = target.value
    is_own = isinstance(holder, ir.Name) and holder.id == method.parameters[0].name
    return (statement, method) if is_own else None


def is_empty(made: ir.Node) -> bool:
    """Whether a container holds nothing when it is made."""
    if isinstance(made, ir.Call):
        first = made.argument(0, "iterable")
        return first is None or (isinstance(first, ir.Seq) and not first.items)
    return isinstance(made, ir.Seq) and not made.items
