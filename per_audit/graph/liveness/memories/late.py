"""Agents that a script makes once all that would have taught them is over: they are loaded and shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.libraries.buffers import is_test
from per_audit.graph.liveness.memories.lifetimes import is_another

if TYPE_CHECKING:
    from per_audit.graph.interpret import events as ev
    from per_audit.graph.model import Mention, ReplayBuffer, ReplayGraph

_NOTEBOOK = ".ipynb"
_ROW = 4  # a state, an action, a reward, the next state


def is_made_late(graph: ReplayGraph, buffer: ReplayBuffer) -> bool:
    """Whether a file makes all objects whose methods draw after the last statement that might call these.

    A name of the file may stand for another agent before, and for these after: the calls before are of the other one.
    """
    inside = graph.project.class_of
    drawing = {site.function if site.function in inside else buffer.function for site in buffer.samples}
    return all(_is_too_late(graph, function) for function in drawing or {buffer.function})


def _is_too_late(graph: ReplayGraph, method: ev.Owner) -> bool:
    cls = graph.project.class_of.get(method) if method is not None else None
    if cls is None or not isinstance(method, ir.Function):
        return False
    classes = {cls, *graph.classes.heirs(cls)}
    made = [
        site for site in graph.events.calls.values() if not (classes.isdisjoint(site.classes) or is_test(site.path))
    ]
    if not made or len({site.path for site in made}) > 1 or any(site.function is not None for site in made):
        return False
    path = made[0].path
    first = min(_outermost(graph, path, site.node).start for site in made)
    before = [m for m in graph.mentions.get(method.name, ()) if m.path == path and _may_call(graph, m, method)]
    return (
        (bool(before) or _is_handed_rows(graph, path, method))
        and all(_also_calls_another(graph, mention, method) for mention in before)
        and _is_over(graph, method, path, first, frozenset())
    )


def _is_handed_rows(graph: ReplayGraph, path: str, method: ir.Function) -> bool:
    """Whether a method that the file calls of others is given a transition, and so is none to be started by hand."""
    named = any(mention.path == path for mention in graph.mentions.get(method.name, ()))
    return named and len([parameter for parameter in method.parameters[1:] if parameter.default is None]) >= _ROW


def _outermost(graph: ReplayGraph, path: str, node: ir.Node) -> ir.Node:
    """The statement of the file's top level that holds a node."""
    return [node, *(around for around in graph.ancestors(path, node) if isinstance(around, ir.Stmt))][-1]


def _may_call(graph: ReplayGraph, mention: Mention, method: ir.Function) -> bool:
    """Whether a mention may call the method, rather than one of something else or of a library."""
    if isinstance(mention.node, ir.Attr) and is_another(graph, mention.path, mention.node, method):
        return False
    site = _site(graph, mention)
    return site is None or bool(site.targets) or not site.names


def _site(graph: ReplayGraph, mention: Mention) -> ev.CallSite | None:
    call = graph.parents(mention.path).get(mention.node)
    return graph.events.calls.get(call) if isinstance(call, ir.Call) else None


def _also_calls_another(graph: ReplayGraph, mention: Mention, method: ir.Function) -> bool:
    site = _site(graph, mention)
    return site is not None and any(target.node is not method for target in site.targets)


def _is_over(graph: ReplayGraph, function: ir.Function, path: str, first: int, seen: frozenset[ir.Function]) -> bool:
    """Whether nothing calls a function from a statement of the file on; another notebook calls none of this one's."""
    if function in seen:
        return True
    if function.decorators or function.name.startswith("__"):
        return False  # called without its name
    seen |= {function}
    return all(
        not _may_call(graph, mention, function)
        or (mention.path != path and mention.path.endswith(_NOTEBOOK))
        or (
            _is_over(graph, mention.inside[0], path, first, seen)
            if mention.inside
            else mention.path == path and mention.node.start < first
        )
        for mention in graph.mentions.get(function.name, ())
    )
