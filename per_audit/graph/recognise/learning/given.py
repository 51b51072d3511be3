"""Batches a part of which is drawn from data that the program is given, such as demonstrations, and never adds to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.interpret.roles import name_of
from per_audit.graph.interpret.targets import BUILDERS
from per_audit.graph.interpret.values import Alloc

if TYPE_CHECKING:
    from per_audit.graph.model import ReplayBuffer, ReplayGraph

_JOINS = {"cat", "concat", "concatenate", "hstack", "stack", "vstack"}


def is_beside_given(graph: ReplayGraph, buffer: ReplayBuffer) -> bool:
    """Whether what is drawn is joined with what another draw takes of attributes that only a constructor fills."""
    if buffer.owner is None or not isinstance(buffer.function, ir.Function):
        return False
    draws = graph.events.draws.values()
    others = {draw.node for draw in draws if draw.function is buffer.function} - set(buffer.draws)
    others = {draw for draw in others if _is_of_given(graph, buffer, draw)} if others else others
    return bool(others) and any(
        _is_join(graph, node, set(buffer.draws), others) for node in ir.walk_scope(buffer.function.body)
    )


def _is_of_given(graph: ReplayGraph, buffer: ReplayBuffer, draw: ir.Node) -> bool:
    """Whether all that the function reads at what a draw gives are attributes that constructors alone assign to."""
    body = buffer.function.body if isinstance(buffer.function, ir.Function) else []
    value = graph.events.value
    read = [
        part.value
        for part in ir.walk_scope(body)
        if isinstance(part, ir.Sub) and draw in value(part.index).tagged("index")
    ]
    names = {each.attr for each in read if isinstance(each, ir.Attr) and _is_own(each)}
    if not names or len(names) < len({graph.source(buffer.path, each) for each in read}):
        return False
    if any(atom in buffer.containers for each in read for atom in value(each).atoms):
        return False
    kin = set(graph.classes.mro(buffer.owner)) if buffer.owner is not None else set()
    writes = [w for w in graph.events.writes.values() if w.attribute in names and w.owner.node in kin]
    if {write.attribute for write in writes} != names:
        return False
    if any(getattr(write.function, "name", "") not in BUILDERS for write in writes):
        return False
    held = {atom for each in read for atom in value(each).atoms if isinstance(atom, Alloc)}
    stores = (store for store in graph.events.stores.values() if store.container in held)
    if any(getattr(store.function, "name", "") not in BUILDERS for store in stores):
        return False  # under another name as well
    methods = (part for cls in kin for part in cls.body if isinstance(part, ir.Function) and part.name not in BUILDERS)
    return not any(_changes(node, names) for method in methods for node in ir.walk_scope(method.body))


def _changes(node: ir.Node, names: set[str]) -> bool:
    """Whether a node puts something into an attribute of one of the names: at a position, or by a method."""
    if isinstance(node, ir.Assign):
        held = [target.value for target in ir.walk(*node.targets) if isinstance(target, ir.Sub)]
    elif isinstance(node, ir.Aug):
        held = [node.target.value if isinstance(node.target, ir.Sub) else node.target]
    elif isinstance(node, ir.Do) and isinstance(node.value, ir.Call) and isinstance(node.value.func, ir.Attr):
        held = [node.value.func.value]
    else:
        return False
    return any(isinstance(each, ir.Attr) and each.attr in names for each in held)


def _is_own(node: ir.Attr) -> bool:
    return isinstance(node.value, ir.Name) and node.value.id == "self"


def _is_join(graph: ReplayGraph, node: ir.Node, own: set[ir.Call], others: set[ir.Call]) -> bool:
    """Whether an expression puts rows of both draws into one: `concatenate([a, b])`, `a + b`."""
    parts: list[ir.Expr] = []
    if isinstance(node, ir.Call) and name_of(node.func) in _JOINS and node.args:
        rows = node.args[0].value
        parts = rows.items if isinstance(rows, ir.Seq) else []
    elif isinstance(node, ir.Bin) and node.op == "+":
        parts = [node.left, node.right]
    values = [graph.events.value(part) for part in parts]
    drawn = [value.tagged("draw") | value.tagged("index") for value in values]
    return any(not each.isdisjoint(own) for each in drawn) and any(
        not each.isdisjoint(others) and each.isdisjoint(own) for each in drawn
    )
