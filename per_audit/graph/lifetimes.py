"""What is no replay memory for how it is used: containers that one episode fills, and classes that nothing names."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from per_audit.facts import ir

if TYPE_CHECKING:
    from per_audit.graph.model import ReplayBuffer, ReplayGraph

_LOOPS = (ir.For, ir.While)


def lives_for_one_pass(graph: ReplayGraph, buffer: ReplayBuffer) -> bool:
    """Whether a loop makes the containers anew, fills them wholly, and only then draws: an episode, a rollout.

    A memory that a loop over runs makes anew is filled and drawn from in one loop inside of it.
    """
    if not buffer.stores or any(store.path != buffer.path for store in buffer.stores):
        return False
    path = buffer.path
    made = [atom.node for atom in buffer.containers]
    filled = [store.node for store in buffer.stores]
    shared = {*_loops(graph, path, buffer.draws[0])}
    for draw in buffer.draws[1:]:
        shared &= {*_loops(graph, path, draw)}
    for loop in shared:
        inside = set(ir.walk(loop))
        if inside.issuperset(made) and inside.issuperset(filled):
            within = shared & inside - {loop}
            return not any(within & {*_loops(graph, path, node)} for node in filled)
    return False


def _loops(graph: ReplayGraph, path: str, node: ir.Node) -> list[ir.Node]:
    """The loops of its function around a node, innermost first."""
    found: list[ir.Node] = []
    for around in graph.ancestors(path, node):
        if isinstance(around, (ir.Function, ir.Lambda)):
            break
        if isinstance(around, _LOOPS):
            found.append(around)
    return found


def is_unused(graph: ReplayGraph, buffer: ReplayBuffer) -> bool:
    """Whether nothing in the project names the class of the buffer: no call, no heir, no text, only imports."""
    cls = buffer.owner
    if cls is None or buffer.instances or graph.interpreter.subclasses.get(cls):
        return False
    own = set(ir.walk(cls))
    name = re.compile(rf"\b{re.escape(cls.name)}\b")
    for module in graph.project.modules.values():
        if cls.name.encode() not in module.text:
            continue
        for node in ir.walk(*module.body):
            if isinstance(node, ir.Name):
                text: object = node.id
            elif isinstance(node, ir.Attr):
                text = node.attr
            else:
                text = node.value if isinstance(node, ir.Const) else None
            if isinstance(text, str) and name.search(text) and node not in own:
                return False
    return True
