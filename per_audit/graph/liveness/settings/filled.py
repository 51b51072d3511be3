"""Dicts of settings that may get entries under keys which are not written in the code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir

if TYPE_CHECKING:
    from collections.abc import Iterator

    from per_audit.graph.interpret import events as ev
    from per_audit.graph.model import ReplayGraph

_FILLS = {"update", "__setitem__", "setdefault"}


def filled(graph: ReplayGraph) -> set[str]:
    """The names of what may get entries under keys that are not written, and of what is handed on to such names."""
    found: set[str] = set()
    same: list[tuple[str, str]] = []  # what the second name stands for, the first does too
    for module in graph.project.modules.values():
        for node in module.nodes:
            if isinstance(node, ir.Call) and _fills(graph, node):
                found.add(last_of(getattr(node.func, "value", node)))
            elif isinstance(node, (ir.Assign, ir.Aug, ir.For)):
                targets = node.targets if isinstance(node, ir.Assign) else [node.target]
                parts = [part for target in targets for part in parts_of(target)]
                stored = (part for part in parts if isinstance(part, ir.Sub) and not isinstance(part.index, ir.Const))
                found.update(last_of(part.value) for part in stored)
                if isinstance(node, ir.Aug):
                    found.add(last_of(node.target))
                elif isinstance(node, ir.Assign) and node.value is not None:
                    same += [(last_of(node.value), last_of(part)) for part in parts]
    for site in graph.events.calls.values():
        same += _handed(graph, site)
    found.discard("")
    while more := {one for one, other in same if other in found and one} - found:
        found |= more
    return found


def _fills(graph: ReplayGraph, call: ir.Call) -> bool:
    """Whether a call may give a dict entries; a method of the project that has the name of one is another."""
    site = graph.events.calls.get(call)
    return getattr(call.func, "attr", "") in _FILLS and (site is None or not site.targets)


def _handed(graph: ReplayGraph, site: ev.CallSite) -> Iterator[tuple[str, str]]:
    """The names of what a call gives, each with that of a parameter which it may be."""
    for func in site.targets:
        parameters = func.node.parameters
        if isinstance(func.node, ir.Function) and graph.project.class_of.get(func.node) is not None:
            parameters = [each for each in parameters if each.name not in ("self", "cls")]
        plain = [each for each in parameters if not each.keyword_only and each.kind != "**"]
        is_spread = False
        for at, arg in enumerate(site.node.args):
            is_spread = is_spread or bool(arg.star)
            if arg.keyword is not None:
                taking = [each for each in parameters if each.name == arg.keyword or each.kind == "**"]
            else:
                taking = parameters if is_spread else plain[min(at, len(plain) - 1) :][:1]
            yield from ((last_of(arg.value), each.name) for each in taking)


def parts_of(target: ir.Expr) -> list[ir.Expr]:
    """The targets that a target consists of."""
    return [part for item in target.items for part in parts_of(item)] if isinstance(target, ir.Seq) else [target]


def last_of(node: ir.Node) -> str:
    """The name of a variable or attribute; of a part that of the whole."""
    while isinstance(node, ir.Sub):
        node = node.value
    return ir.last_name(node)
