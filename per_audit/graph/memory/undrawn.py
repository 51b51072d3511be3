"""Objects of a memory's class that nothing draws from: the last scores, kept in one more of the same lists.

All objects of a class are one to the interpreter. What they are told apart by here is where they are kept: an object
that is made for an attribute or variable of a name by which nothing is ever asked for a draw, nor handed on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir

if TYPE_CHECKING:
    from per_audit.graph.interpret import events as ev
    from per_audit.graph.model import ReplayGraph

    Made = tuple[ir.Expr, ev.Owner, str]


def without_undrawn(graph: ReplayGraph, cls: ir.Class, calls: list[Made]) -> list[Made]:
    """The calls that make objects of a class, but for those of which nothing is drawn where others are drawn from."""
    if len(calls) < 2 or (asked := _places_asked(graph, cls)) is None:
        return calls
    return [call for call in calls if not _is_undrawn(graph, call, asked)]


def _places_asked(graph: ReplayGraph, cls: ir.Class) -> set[str] | None:
    """The names of what is asked for draws by their methods, None where there are none, or others ask."""
    own = {part for each in graph.classes.kin(cls) for part in each.body if isinstance(part, ir.Function)}
    drawing = {draw.function for draw in graph.events.draws.values()} | {
        m.function for m in graph.events.masses.values()
    }
    edge = [function for function in own if function in drawing]
    seen: set[ev.Owner] = set(edge)
    asked: set[str] = set()
    for function in edge:
        for site in graph.callers.get(function, ()):
            name = _name_of(site.node.func.value) if isinstance(site.node.func, ir.Attr) else None
            if site.function in own:
                edge += [site.function] if site.function not in seen else []
                seen.add(site.function)
            elif name is None:
                return None
            else:
                asked.add(name)
    return asked or None


def _name_of(place: ir.Expr) -> str | None:
    """The name of a variable or attribute."""
    if isinstance(place, ir.Attr):
        return place.attr
    return place.id if isinstance(place, ir.Name) else None


def _is_undrawn(graph: ReplayGraph, call: Made, asked: set[str]) -> bool:
    """Whether what a call makes is kept under a name that is no other's, and only its methods are ever asked for."""
    node, _, path = call
    statement = graph.statement(path, node)
    if not isinstance(statement, ir.Assign) or statement.value is not node or len(statement.targets) != 1:
        return False
    name = _name_of(statement.targets[0])
    if name is None or name in asked:
        return False
    return all(
        _is_asked_alone(graph, module.path, part)
        for module in graph.project.modules.values()
        if name.encode() in module.text
        for part in module.nodes_of(ir.Attr, ir.Name, ir.Const)
        if name in (getattr(part, "attr", None), getattr(part, "id", None), getattr(part, "value", None))
    )


def _is_asked_alone(graph: ReplayGraph, path: str, part: ir.Node) -> bool:
    """Whether a name is given something there, or asked for an attribute or its length."""
    around = graph.parents(path).get(part)
    if isinstance(around, ir.Arg):
        called = graph.parents(path).get(around)
        return isinstance(called, ir.Call) and ir.last_name(called.func) == "len"
    if isinstance(around, ir.Assign):
        return part in around.targets
    return isinstance(around, ir.Attr) and isinstance(part, (ir.Attr, ir.Name))
