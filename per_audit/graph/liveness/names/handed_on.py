"""Classes and functions that are handed on by their names: whoever gets them may call them with anything."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from per_audit.facts import ir

if TYPE_CHECKING:
    from per_audit.graph.model import ReplayGraph


def handed_on(graph: ReplayGraph) -> dict[str, list[ir.Node]]:
    """Where something with the name of a function or class is named, other than to call, inherit or ask for it."""
    project = graph.project
    names = {unit.name for units in (project.classes, project.functions) for unit in units}
    found: dict[str, list[ir.Node]] = defaultdict(list)
    for module in project.modules.values():
        stack: list[ir.Node] = list(module.body)
        while stack:
            node = stack.pop()
            for name in names.intersection(_named_by(node)):
                found[name].append(node)
            stack += _inside(node)
    return dict(found)


def _named_by(node: ir.Node) -> list[str]:
    if isinstance(node, ir.ImportFrom):
        return [name for name, alias in node.names if alias not in (None, name)]
    if isinstance(node, ir.Call) and getattr(node.func, "id", "") == "getattr":
        return [
            arg.value.value for arg in node.args if isinstance(arg.value, ir.Const) and isinstance(arg.value.value, str)
        ]
    return [name] if isinstance(node, (ir.Name, ir.Attr)) and (name := ir.last_name(node)) else []


def _inside(node: ir.Node) -> list[ir.Node]:
    """What is inside a node, but annotations, bases and what is only called, read from or asked for."""
    if isinstance(node, ir.Call) and getattr(node.func, "id", "") in ("isinstance", "issubclass", "super"):
        return list(node.args[:1]) if getattr(node.func, "id", "") != "super" else []
    without = [getattr(node, name, None) for name in ("annotation", "returns")]
    without += node.bases if isinstance(node, ir.Class) else []
    within: list[ir.Node] = []
    if isinstance(node, ir.Call) and isinstance(node.func, ir.Attr):
        without.append(node.func)
        within = [node.func.value] if not isinstance(node.func.value, ir.Name) else []
    elif isinstance(node, ir.Call) and isinstance(node.func, ir.Name):
        without.append(node.func)
    elif isinstance(node, ir.Attr) and isinstance(node.value, ir.Name):
        without.append(node.value)
    return [*within, *(child for child in ir.children(node) if all(child is not each for each in without))]
