"""What a script defines, and then never calls: a method of what it makes, an experiment that needs to be told more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.episodes.limits import makes_environment

if TYPE_CHECKING:
    from collections.abc import Iterable

    from per_audit.graph.interpret import events as ev
    from per_audit.graph.model import ReplayGraph


@dataclass(frozen=True, slots=True)
class Undrawn:
    """That nothing calls what draws from the memories of a class: whatever else they do is for nothing."""

    draw: ir.Function


def is_left_uncalled(graph: ReplayGraph, method: ir.Function, naming: Iterable[tuple[str, ir.Node]]) -> bool:
    """Whether nothing calls a method, given all places that name its class: objects that nobody else may speak to.

    They are only made by scripts, each of which gives its own a name and calls something of it; neither a script nor
    the object itself hands it on.
    """
    cls = graph.project.class_of.get(method)
    if cls is None or graph.callers.get(method) or graph.classes.heirs(cls):
        return False
    sites = [site for site in graph.events.calls.values() if cls in site.classes]
    makers = {site.node.func for site in sites}
    if not sites or len(graph.classes.mro(cls)) > 1 or any(node not in makers for _, node in naming):
        return False
    return _keeps_to_itself(graph, cls, method.name) and all(_keeps_it(graph, site) for site in sites)


def without_unnamed(graph: ReplayGraph, sites: list[ev.CallSite]) -> list[ev.CallSite]:
    """The calls but for those in methods whose names stand nowhere; all where no other is."""
    return [site for site in sites if not _is_unnamed(graph, site.function)] or sites


def _is_unnamed(graph: ReplayGraph, function: ev.Owner) -> bool:
    """Whether a method has a name that nothing calls it by, and no class or decorator that may do so unseen."""
    if not isinstance(function, ir.Function) or function.decorators or graph.callers.get(function):
        return False
    cls, name = graph.project.class_of.get(function), function.name
    if cls is None or name.startswith("__") or any(ir.last_name(base) != "object" for base in cls.bases):
        return False
    return name.encode() not in graph.unread_words and not graph.project.naming(name)


def is_left_experiment(graph: ReplayGraph, function: ir.Node) -> bool:
    """Whether a function that nobody calls makes its own environment, and takes what nothing gives it by default."""
    if not isinstance(function, ir.Function) or graph.project.class_of.get(function) is not None:
        return False
    if graph.project.module_of[function].path.endswith(".ipynb"):
        return False
    needs = any(parameter.default is None and not parameter.kind for parameter in function.parameters)
    sites = (graph.events.calls.get(part) for part in ir.walk(*function.body) if isinstance(part, ir.Call))
    return needs and any(site is not None and makes_environment(site) for site in sites)


def _keeps_to_itself(graph: ReplayGraph, cls: ir.Class, name: str) -> bool:
    """Whether the methods of a class only ask their object for its attributes, and never for the one of a name."""
    parents = graph.parents(graph.project.module_of[cls].path)
    own = {s.parameters[0].name for s in cls.body if isinstance(s, ir.Function) and s.parameters}
    used = (parents.get(node) for node in ir.walk(cls) if isinstance(node, ir.Name) and node.id in own)
    return all(isinstance(each, ir.Attr) and each.attr != name for each in used)


def _keeps_it(graph: ReplayGraph, site: ev.CallSite) -> bool:
    """Whether an object is made for a name at the top level of a file that only calls its methods."""
    statement = graph.statement(site.path, site.node)
    if site.function is not None or site.path.endswith(".ipynb") or not isinstance(statement, ir.Assign):
        return False
    target = statement.targets[0]
    if statement.value is not site.node or len(statement.targets) != 1 or not isinstance(target, ir.Name):
        return False
    parents = graph.parents(site.path)
    used = [n for n in graph.module(site.path).nodes_of(ir.Name) if getattr(n, "id", "") == target.id]
    held = [parents.get(node) for node in used if node is not target]
    return bool(held) and all(isinstance(each, ir.Attr) and _is_called(parents, each) for each in held)


def _is_called(parents: dict[ir.Node, ir.Node], method: ir.Attr) -> bool:
    call = parents.get(method)
    return isinstance(call, ir.Call) and call.func is method
