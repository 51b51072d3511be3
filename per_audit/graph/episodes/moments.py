"""What the step of an environment has just said of the end of an episode, other than of what is drawn from a memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.interpret.roles import DONE, REWARD, name_of, role_of, role_of_name
from per_audit.graph.symbolic import alternatives, strip

if TYPE_CHECKING:
    from collections.abc import Iterator

    from per_audit.graph.interpret import events as ev
    from per_audit.graph.model import ReplayGraph
    from per_audit.graph.symbolic import Term


def is_drawn(graph: ReplayGraph, node: ir.Node) -> bool:
    """Whether a value was computed from what was drawn."""
    return isinstance(node, ir.Expr) and bool(graph.events.value(node).tagged("draw"))


def steps(graph: ReplayGraph, function: ev.Owner, path: str) -> Iterator[ir.Seq]:
    """The target lists that a body takes a step of the environment apart into."""
    for unpack in graph.events.unpacks.values():
        if unpack.function is not function or unpack.path != path or len(unpack.node.items) < 3:
            continue
        roles = {role_of(item) for item in unpack.node.items}
        made = graph.statement(path, unpack.node)
        if not isinstance(made, ir.Assign) or not isinstance(made.value, (ir.Call, ir.Other)):
            continue
        drawn = is_drawn(graph, unpack.node.items[1]) or bool(unpack.value.tagged("draw"))
        if {REWARD, DONE} <= roles and (not drawn or name_of(getattr(made.value, "func", None)) == "step"):
            yield unpack.node


def fresh(graph: ReplayGraph, function: ev.Owner, path: str) -> set[str]:
    """The names that a body takes the steps of an environment apart into, and parameters that tell no more than those.

    `agent.learn(done)`, of the episode that is going on, is one flag for all that is drawn.
    """
    said = {name.id for unpack in steps(graph, function, path) for name in ir.walk(unpack) if isinstance(name, ir.Name)}
    return said | _joined(graph, function, path, said) | handed(graph, function)


def _joined(graph: ReplayGraph, function: ev.Owner, path: str, said: set[str]) -> set[str]:
    """The names that are only ever set to both flags of a step, `done = terminated or truncated`, or to a constant."""
    body = function.body if isinstance(function, ir.Function) else graph.module(path).body
    given: dict[str, list[ir.Expr | None]] = {}
    for node in ir.walk_scope(body) if said else ():
        if not isinstance(node, ir.Assign):
            continue
        for target in node.targets:
            for name, value in _apart(target, node.value):
                given.setdefault(name, []).append(value)
    return {
        name
        for name, values in given.items()
        if any(isinstance(value, ir.Logic) for value in values) and all(_is_joined(value, said) for value in values)
    }


def _apart(target: ir.Expr, value: ir.Expr | None) -> Iterator[tuple[str, ir.Expr | None]]:
    """The names of a target with what each is given: of a step that is taken apart, something that is no constant."""
    if isinstance(target, ir.Name):
        yield target.id, value
    elif isinstance(target, ir.Seq):
        values = value.items if isinstance(value, ir.Seq) and len(value.items) == len(target.items) else None
        for place, item in enumerate(target.items):
            yield from _apart(item, values[place] if values is not None else None)


def _is_joined(value: ir.Expr | None, said: set[str]) -> bool:
    if isinstance(value, ir.Logic):
        return value.op == "or" and _is_joined(value.left, said) and _is_joined(value.right, said)
    return isinstance(value, ir.Const) or (isinstance(value, ir.Name) and value.id in said)


def handed(graph: ReplayGraph, function: ev.Owner) -> set[str]:
    """The parameters, which a function gives nothing else, for which each caller hands in what a step has just said."""
    if not isinstance(function, ir.Function):
        return set()
    sites, found = graph.callers.get(function, []), set[str]()
    shift = graph.symbols.takes_self(function)
    for place, parameter in enumerate(function.parameters):
        if role_of_name(parameter.name) != DONE or not sites or _is_rebound(function, parameter.name):
            continue
        given = [(site, site.node.argument(place - shift, parameter.name)) for site in sites]
        if all(value is not None and _is_of_moment(graph, site, value) for site, value in given):
            found.add(parameter.name)
    return found


def _is_rebound(function: ir.Function, name: str) -> bool:
    targets = (
        part
        for node in ir.walk_scope(function.body)
        for target in (node.targets if isinstance(node, ir.Assign) else [getattr(node, "target", None)])
        if target is not None
        for part in ir.walk(target)
    )
    return any(isinstance(part, ir.Name) and part.id == name for part in targets)


def _is_of_moment(graph: ReplayGraph, site: ev.CallSite, value: ir.Expr) -> bool:
    """Whether an argument is a flag of a step that is taken where it is given, or one that is set to True or False."""
    if not isinstance(value, ir.Name):
        return False
    unpacked = (name for unpack in steps(graph, site.function, site.path) for name in ir.walk(unpack))
    if any(isinstance(name, ir.Name) and name.id == value.id for name in unpacked):
        return True
    options = alternatives(strip(graph.symbols.term(site.path, value)))
    return all(isinstance(_begun(option).data, bool) for option in options)


def _begun(term: Term) -> Term:
    """What a value is before the loop that changes it."""
    while term.op == "loop":
        term = term.args[0]
    return term


def is_fresh(graph: ReplayGraph, node: ir.Node, said: set[str]) -> bool:
    """Whether a node is one of the names that a step was taken apart into, and nothing that was drawn."""
    return isinstance(node, ir.Name) and node.id in said and not is_drawn(graph, node)
