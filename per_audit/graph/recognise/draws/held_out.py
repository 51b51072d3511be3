"""Draws of rows that are held out: of states by which an agent is looked at later, of what a model is tried on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.interpret.known.externals import LOADER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from per_audit.graph.interpret import events as ev
    from per_audit.graph.model import ReplayGraph


def is_held_out(graph: ReplayGraph, draw: ev.Draw) -> bool:
    """Whether a draw is made once in a run, or tells those rows from others that the others are read as well."""
    return _is_made_once(graph, draw) or _is_masked(graph, draw)


def _is_masked(graph: ReplayGraph, draw: ev.Draw) -> bool:
    """Whether the positions are marked in a mask, `mask[drawn] = False`, by which the same function reads the others.

    What a mask leaves of rows in their own place, `rows = rows[mask]`, is what is kept of a memory.
    """
    if draw.items or not isinstance(draw.function, ir.Function):
        return False
    others: set[tuple[str, bool]] = set()
    read: list[ir.Sub] = []
    for node in ir.walk_scope(draw.function.body):
        mark = node.value if isinstance(node, ir.Assign) else None
        for target in node.targets if isinstance(node, ir.Assign) else ():
            if isinstance(target, ir.Sub) and isinstance(target.value, ir.Name) and isinstance(mark, ir.Const):
                is_drawn = ("index", draw.node) in graph.events.value(target.index).tags
                others |= {(target.value.id, bool(mark.value))} if is_drawn else set()
        if isinstance(node, ir.Sub):
            read.append(node)
    return any(_mask(sub) in others and not _is_kept(graph, draw.path, sub) for sub in read)


def _mask(sub: ir.Sub) -> tuple[str, bool]:
    """The name of what something is read by, if any, and whether it is inverted."""
    inverted = isinstance(sub.index, ir.Un) and sub.index.op == "~"
    index = sub.index.operand if isinstance(sub.index, ir.Un) and inverted else sub.index
    return (index.id if isinstance(index, ir.Name) else ""), inverted


def _is_kept(graph: ReplayGraph, path: str, sub: ir.Sub) -> bool:
    """Whether the rows that are read take the place of all, or something is put where they are."""
    around = graph.statement(path, sub)
    rows = graph.source(path, sub.value, 200)
    return isinstance(around, ir.Assign) and any(
        target is sub or graph.source(path, target, 200) == rows for target in around.targets
    )


def _is_made_once(graph: ReplayGraph, draw: ev.Draw) -> bool:
    """Whether a draw waits for something to be None that the same branch sets, and that nothing sets back.

    A loader that is kept draws anew whenever it is gone through.
    """
    below: ir.Node = draw.node
    if draw.method == LOADER and isinstance(graph.parents(draw.path).get(draw.node), ir.Assign):
        return False
    for around in graph.ancestors(draw.path, draw.node):
        if isinstance(around, ir.Function):
            return False
        if isinstance(around, ir.If) and below in around.body:
            kept = {graph.source(draw.path, name, 200): name for name in _missing(around.test)}
            for node in ir.walk(*around.body):
                targets = node.targets if isinstance(node, ir.Assign) else []
                told = {text for target in targets if (text := graph.source(draw.path, target, 200)) in kept}
                if any(_stays(graph, draw, kept[text], node) for text in told):
                    return True
        below = around
    return False


def _missing(test: ir.Expr) -> Iterator[ir.Name | ir.Attr]:
    """What has to be None for a test to hold."""
    if isinstance(test, ir.Logic) and test.op == "and":
        yield from _missing(test.left)
        yield from _missing(test.right)
    elif isinstance(test, ir.Cmp) and test.ops == ["is"] and ir.is_none(test.rights[0]):
        yield from (name for name in (test.left,) if isinstance(name, (ir.Name, ir.Attr)))


def _stays(graph: ReplayGraph, draw: ev.Draw, kept: ir.Name | ir.Attr, here: ir.Node) -> bool:
    """Whether a global name or an attribute is set `here` alone, but where it begins as None."""
    name = ir.last_name(kept)
    body = draw.function.body if isinstance(draw.function, ir.Function) else []
    shared = {each for node in ir.walk_scope(body) if isinstance(node, ir.Scope) for each in node.names}
    if isinstance(kept, ir.Name) and draw.function is not None and name not in shared:
        return False  # a name of the function: another one at each call
    for path, module in graph.project.modules.items():
        for node in module.nodes_of(ir.Assign):
            if not isinstance(node, ir.Assign) or node is here or name not in map(ir.last_name, node.targets):
                continue
            if not ir.is_none(node.value) or any(map(_is_again, graph.ancestors(path, node))):
                return False
    return True


def _is_again(around: ir.Node) -> bool:
    """Whether what is inside a node may be run more than once."""
    return isinstance(around, (ir.For, ir.While)) or (isinstance(around, ir.Function) and around.name != "__init__")
