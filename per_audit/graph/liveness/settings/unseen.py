"""Attributes that may be set where it cannot be seen of which objects, or under names that are not written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.liveness.settings.filled import last_of, parts_of

if TYPE_CHECKING:
    from per_audit.facts import ModuleFacts
    from per_audit.graph.model import ReplayGraph

_UNNAMED = (b"setattr(", b"__setattr__(")  # what may set an attribute without its name
_READS = {"items", "keys", "values", "get", "copy"}  # of `vars(args)`, which is the attributes themselves


def unseen(graph: ReplayGraph) -> set[str] | None:
    """The attributes that are set on objects which cannot be told, and the names that functions set in modules.

    None where some are set without being named.
    """
    known = {write.node for write in graph.events.writes.values()}
    found: set[str] = set()
    for module in graph.project.modules.values():
        if any(mark in module.text for mark in _UNNAMED) or hands_out_attributes(graph, module):
            return None
        listed = _listed_attributes(graph, module)
        if listed is None:
            return None
        found |= listed
        for node in module.nodes:
            targets = node.targets if isinstance(node, ir.Assign) else [getattr(node, "target", None)]
            if node not in known:
                parts = (part for target in targets if target is not None for part in parts_of(target))
                found |= {part.attr for part in parts if isinstance(part, ir.Attr)}
            if isinstance(node, ir.Scope):
                found.update(node.names)
    return found


def hands_out_attributes(graph: ReplayGraph, module: ModuleFacts) -> bool:
    """Whether what `vars` gives of an object may be written to."""
    if b"vars(" not in module.text:
        return False
    calls = (node for node in module.nodes if isinstance(node, ir.Call) and getattr(node.func, "id", "") == "vars")
    return any(_hands_out(graph, module.path, node) for node in calls)


def _hands_out(graph: ReplayGraph, path: str, node: ir.Node) -> bool:
    """Whether what a call returns is kept under a name, handed to code of the project or written to."""
    parents = graph.parents(path)
    around = parents.get(node)
    if isinstance(around, ir.Attr):
        return around.attr not in _READS
    if isinstance(around, ir.Sub):
        return isinstance(parents.get(around), (ir.Assign, ir.Aug, ir.Delete))
    if isinstance(around, ir.Arg):
        taker = parents.get(around)
        site = graph.events.calls.get(taker) if isinstance(taker, ir.Call) else None
        return not around.star and (site is None or bool(site.targets))
    return not isinstance(around, (ir.Generator, ir.For, ir.Map, ir.Cmp, ir.Return, ir.Do))


def _listed_attributes(graph: ReplayGraph, module: ModuleFacts) -> set[str] | None:
    """The attributes that `self.__dict__[name]` may be, for names of a written list; None where one is another."""
    found: set[str] = set()
    nodes = module.nodes if b"__dict__" in module.text else []
    for node in (node for node in nodes if isinstance(node, ir.Attr) and node.attr == "__dict__"):
        item = graph.parents(module.path).get(node)
        around = list(graph.ancestors(module.path, node))
        loop = next((each for each in around if isinstance(each, ir.For)), None)
        function = next((each for each in around if isinstance(each, ir.Function)), None)
        listed = _listed(loop.iter, function) if loop is not None and function is not None else None
        if (
            not isinstance(item, ir.Sub)
            or loop is None
            or listed is None
            or last_of(item.index) != last_of(loop.target)
        ):
            return None
        found |= listed
    return found


def _listed(node: ir.Expr, function: ir.Function) -> set[str] | None:
    """The texts of a list that is written, there or under a name that a function gives it."""
    made = [node]
    if isinstance(node, ir.Name):
        assigned = (each for each in ir.walk(function) if isinstance(each, ir.Assign) and each.value is not None)
        made = [each.value for each in assigned if each.value and node.id in map(last_of, each.targets)]
    items = [item for each in made for item in (each.items if isinstance(each, ir.Seq) else [each])]
    texts = {item.value for item in items if isinstance(item, ir.Const) and isinstance(item.value, str)}
    return texts if items and len(texts) == len(items) else None
