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
            if isinstance(node, ir.Const):
                continue
            for name in names.intersection(_named_by(node)):
                found[name].append(node)
            if not isinstance(node, ir.Name):
                stack += _inside(node)
    return dict(found)


def is_only_made(graph: ReplayGraph, node: ir.Node, cls: ir.Function | ir.Class) -> bool:
    """Whether a name of a class is an argument that the function which is called makes objects of, and nothing else.

    What these are made with is written there: `def run(Agent): agent = Agent(100)`.
    """
    path = graph.path_of(node)
    argument = graph.parents(path).get(node) if path is not None else None
    call = graph.parents(path).get(argument) if path is not None and isinstance(argument, ir.Arg) else None
    site = graph.events.calls.get(call) if isinstance(call, ir.Call) else None
    if site is None or not isinstance(argument, ir.Arg) or site.classes or len(site.targets) != 1:
        return False
    function = next(iter(site.targets)).node
    if not isinstance(function, ir.Function) or graph.symbols.takes_self(function):
        return False
    name = _given_to(site.node, argument, function)
    if name is None:
        return False
    home = graph.project.module_of[function].path
    read = [part for part in ir.walk(*function.body) if isinstance(part, ir.Name) and part.id == name]
    return bool(read) and all(_makes(graph, home, part, cls) for part in read)


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
    without: list[ir.Node | None] = []
    within: list[ir.Node] = []
    if isinstance(node, ir.Call):
        without = [node.func] if isinstance(node.func, (ir.Attr, ir.Name)) else []
        if isinstance(node.func, ir.Attr) and not isinstance(node.func.value, ir.Name):
            within = [node.func.value]
    elif isinstance(node, ir.Attr):
        without = [node.value] if isinstance(node.value, ir.Name) else []
    elif isinstance(node, (ir.Assign, ir.Parameter)):
        without = [node.annotation]
    elif isinstance(node, ir.Function):
        without = [node.returns]
    elif isinstance(node, ir.Class):
        without = [*node.bases]
    inside = ir.children(node)
    return [*within, *(child for child in inside if child not in without)] if without else inside


def _given_to(call: ir.Call, argument: ir.Arg, function: ir.Function) -> str | None:
    """The name of the parameter that an argument is given to, None where that is not written."""
    if argument.keyword:
        return argument.keyword
    place = next(number for number, each in enumerate(call.args) if each is argument)
    if any(each.star for each in call.args[: place + 1]) or place >= len(function.parameters):
        return None
    parameter = function.parameters[place]
    return None if parameter.kind or parameter.keyword_only else parameter.name


def _makes(graph: ReplayGraph, path: str, name: ir.Name, cls: ir.Function | ir.Class) -> bool:
    """Whether a name is called there, which makes objects of a class, among others."""
    call = graph.parents(path).get(name)
    site = graph.events.calls.get(call) if isinstance(call, ir.Call) and call.func is name else None
    return site is not None and cls in site.classes
