"""Environments of the project's own that it registers with a library, and asks it for by their names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.episodes.limits import asked_for
from per_audit.graph.interpret.known import externals as ext
from per_audit.graph.interpret.roles import name_of
from per_audit.graph.interpret.values import ClassRef, Result

if TYPE_CHECKING:
    from per_audit.graph.interpret import events as ev
    from per_audit.graph.model import ReplayGraph

MAKES = ("make", "make_vec")


def is_make(site: ev.CallSite) -> bool:
    """Whether a call asks for an environment by its name."""
    return any(ext.last(name) in MAKES for name in site.names)


def registrations(graph: ReplayGraph, name: object) -> list[ev.CallSite]:
    """Where the project registers an environment by a name, if it is one; `module:name` imports a module first."""
    if not isinstance(name, str):
        return []
    return [
        site
        for site in graph.events.calls.values()
        if any(ext.last(called) == "register" for called in site.names)
        and (given := site.node.argument(0, "id")) is not None
        and graph.events.value(given).literal() == name.rpartition(":")[2]
    ]


def entered(graph: ReplayGraph, site: ev.CallSite) -> list[ir.Class]:
    """The classes that a registration may mean."""
    entry = site.node.argument(1, "entry_point")
    value = graph.events.value(entry) if entry is not None else None
    classes = [atom.node for atom in value.atoms if isinstance(atom, ClassRef)] if value is not None else []
    text = value.literal() if value is not None else None
    if isinstance(text, str):
        name = text.rpartition(":")[2]
        classes += [cls for cls in graph.project.classes if cls.name == name]
    return classes


def made_by_name(graph: ReplayGraph, site: ev.CallSite) -> list[ir.Class]:
    """The project's own environments that a call asks a library for; none where it may ask for others as well."""
    found: list[ir.Class] = []
    for name in asked_for(graph, site) if is_make(site) else ():
        classes = [cls for each in registrations(graph, name) for cls in entered(graph, each)]
        if not classes:
            return []
        found += classes
    return found


def stepped(graph: ReplayGraph, call: ir.Call) -> list[ir.Function]:
    """The steps of the project's own that a call of `step` means, of an environment that was asked for by its name."""
    if not isinstance(call.func, ir.Attr) or name_of(call.func) != "step":
        return []
    atoms = graph.events.value(call.func.value).atoms
    calls = [atom.call for atom in atoms if isinstance(atom, Result) and isinstance(atom.call, ir.Call)]
    classes = [made_by_name(graph, graph.events.calls[made]) for made in calls if made in graph.events.calls]
    if not classes or len(classes) < len(atoms) or not all(classes):
        return []
    steps = [graph.classes.find_method(cls, "step") for each in classes for cls in each]
    return [step for step in steps if step is not None] if None not in steps else []
