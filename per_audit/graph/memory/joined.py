"""Arrays that grow with each row: `self.rows = np.vstack((self.rows, row))`, and nothing ever makes them shorter."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.interpret.targets import BUILDERS
from per_audit.graph.interpret.values import Instance

if TYPE_CHECKING:
    from per_audit.graph.interpret import events as ev
    from per_audit.graph.model import ReplayGraph


def only_grows(graph: ReplayGraph, store: ev.Store) -> bool:
    """Whether a store joins a row to the array of an attribute that is never given anything shorter."""
    if store.container.kind != "array" or not _is_join(store):
        return False
    joining = graph.statement(store.path, store.node)
    if (
        not isinstance(joining, ir.Assign)
        or joining.value is not store.node
        or not isinstance(joining.targets[0], ir.Attr)
    ):
        return False
    array = joining.targets[0]
    owners = {atom.node for atom in graph.events.value(array.value).atoms if isinstance(atom, Instance)}
    family = {cls for owner in owners for cls in (*graph.classes.mro(owner), *graph.classes.heirs(owner))}
    joins = {each.node for each in graph.events.stores.values() if _is_join(each)}
    return all(
        getattr(write.function, "name", "") in BUILDERS
        or (isinstance(write.node, ir.Assign) and write.node.value in joins)
        or _begins(graph, store.path, joining, write)
        for write in graph.events.writes.values()
        if write.attribute == array.attr and write.owner.node in family
    )


def _is_join(store: ev.Store) -> bool:
    return store.how == "append" and store.node is store.container.node


def _begins(graph: ReplayGraph, path: str, joining: ir.Node, write: ev.AttributeWrite) -> bool:
    """Whether what is written is the first row: in the other branch of a test than the one that joins to it."""
    for around in graph.ancestors(path, joining):
        if isinstance(around, ir.If):
            inside = set(ir.walk(*around.body))
            other = around.orelse if joining in inside else around.body
            if write.node in set(ir.walk(*other)):
                return True
    return False
