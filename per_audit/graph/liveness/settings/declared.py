"""What the program gives the fields of its dataclasses of settings, wherever it makes objects of them."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.interpret.values import Instance
from per_audit.graph.libraries.buffers import is_test
from per_audit.graph.liveness.names.lookups import is_builtin

if TYPE_CHECKING:
    from collections.abc import Iterator

    from per_audit.graph.interpret import events as ev
    from per_audit.graph.model import ReplayGraph


def declared(graph: ReplayGraph, handed: set[str]) -> dict[str, set[object]]:
    """The constants that each field has, by its name, where nothing else in the project may give what has the name.

    Of classes that are `handed` on by their names others may make objects. So a setting is known of an object that is
    not: one that a parameter hands on, or that is read back from a file.
    """
    if _sets_unnamed(graph):
        return {}
    found: dict[str, set[object]] = defaultdict(set)
    unknown: set[str] = set()
    given = handed | _filled_in(graph)
    calls: set[ir.Call] = set()
    for cls in (each for each in graph.project.classes if _is_settings(graph, each)):
        sites = [site for site in graph.events.calls.values() if cls in site.classes and not is_test(site.path)]
        calls.update(site.node for site in graph.events.calls.values() if cls in site.classes)
        fields = [s for s in cls.body if isinstance(s, ir.Assign) and s.annotation is not None]
        names = [ir.last_name(field.targets[0]) for field in fields]
        is_open = not sites or cls.name in given or _is_lent(graph, cls)
        unknown |= {name for name in names if is_open or name in found}
        for site in sites:
            for at, (name, field) in enumerate(zip(names, fields, strict=True)):
                arg = site.node.argument(at, name)
                value = arg if arg is not None else field.value
                if any(each.star for each in site.node.args) or not _is_switch(value):
                    unknown.add(name)
                elif arg is not None or not _is_spare(graph, site):
                    found[name].add(getattr(value, "value", None))
    unknown.update(_given_elsewhere(graph, calls))
    return {name: values for name, values in found.items() if name not in unknown}


def _is_settings(graph: ReplayGraph, cls: ir.Class) -> bool:
    """Whether a class is a plain dataclass, whose fields only its constructor gives."""
    made = [ir.last_name(each.func if isinstance(each, ir.Call) else each) for each in cls.decorators]
    return made == ["dataclass"] and not cls.bases and not graph.classes.heirs(cls)


def _is_lent(graph: ReplayGraph, cls: ir.Class) -> bool:
    """Whether a library is given an object, and gives something back that may have other values in the same fields."""
    return any(
        any(isinstance(atom, Instance) and atom.node is cls for value in site.arguments for atom in value.atoms)
        and not isinstance(graph.parents(site.path).get(site.node), ir.Do)
        for site in graph.events.calls.values()
        if not site.targets and not site.classes and not is_builtin(site)
    )


def _is_switch(value: ir.Expr | None) -> bool:
    """Whether a value is a truth, a text or None; a number is set by hand, for now."""
    return isinstance(value, ir.Const) and (value.value is None or isinstance(value.value, (bool, str)))


def _filled_in(graph: ReplayGraph) -> set[str]:
    """The names of classes that decorated functions take: a library may make their objects from the command line."""
    return {
        ir.last_name(part)
        for function in graph.project.functions
        if function.decorators
        for parameter in function.parameters
        if parameter.annotation is not None
        for part in ir.walk(parameter.annotation)
    }


def _is_spare(graph: ReplayGraph, site: ev.CallSite) -> bool:
    """Whether what is made stands in for a parameter that all callers give: `config or Config()`."""
    around = graph.parents(site.path).get(site.node)
    if not isinstance(around, ir.Logic) or around.op != "or" or around.right is not site.node:
        return False
    term = graph.symbols.term(site.path, around.left)
    if term.op != "param" or not graph.callers.get(term.data[0]):
        return False
    calls = [call for call in graph.callers[term.data[0]] if not is_test(call.path)]
    given = graph.symbols.passed(term)
    left_out = {call.node for call in calls} - {node for _, node, _ in given}
    return bool(calls) and not left_out and all(option.op != "const" for option, _, _ in given)


def _sets_unnamed(graph: ReplayGraph) -> bool:
    """Whether something may set attributes of a dataclass under names that are not written."""
    if any(mark in module.text for module in graph.project.modules.values() for mark in (b"__setattr__", b"__dict__")):
        return True
    sites = [site.node for site in graph.events.calls.values() if getattr(site.node.func, "id", "") == "setattr"]
    values = [graph.events.value(node.args[0].value).atoms if node.args else frozenset() for node in sites]
    return any(
        not atoms or any(isinstance(atom, Instance) and _is_settings(graph, atom.node) for atom in atoms)
        for atoms in values
    )


def _given_elsewhere(graph: ReplayGraph, calls: set[ir.Call]) -> Iterator[str]:
    """The names that the project gives to attributes, to arguments of other calls, or writes as texts."""
    for module in graph.project.modules.values():
        for node in module.nodes:
            if isinstance(node, (ir.Assign, ir.Aug)):
                targets = node.targets if isinstance(node, ir.Assign) else [node.target]
                yield from (part.attr for target in targets for part in ir.walk(target) if isinstance(part, ir.Attr))
            elif isinstance(node, ir.Call) and node not in calls:
                yield from (arg.keyword for arg in node.args if arg.keyword)
            elif isinstance(node, ir.Const) and isinstance(node.value, str):
                yield node.value.lstrip("-").replace("-", "_")
