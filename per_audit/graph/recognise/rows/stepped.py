"""Rows that are fresh from the program's own environment, whatever led to their actions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.interpret.values import Instance

if TYPE_CHECKING:
    from per_audit.graph.interpret import events as ev
    from per_audit.graph.model import ReplayGraph
    from per_audit.graph.recognise.rows.environments import Environments

_FRESH = 2  # of what a step returned: a state or a reward alone may be of anything
_FAR = 3  # calls from where a step is taken to what stores


def is_stepped(graph: ReplayGraph, environments: Environments, store: ev.Store) -> bool:
    """Whether a row is put together of what a step of an environment has just returned, be it handed on as arguments.

    All that such a step computes follows from the action, which what was drawn before has taught the policy.
    """
    row = store.expression
    return isinstance(row, ir.Seq) and _is_fresh(graph, environments, (store.function, store.path), _names(row), _FAR)


def _is_fresh(
    graph: ReplayGraph, environments: Environments, place: tuple[ev.Owner, str], names: set[str], calls: int
) -> bool:
    """Whether some names of a function are what a step has returned there, or what a caller has from one."""
    function, path = place
    if isinstance(function, ir.Lambda):
        return False
    body = graph.module(path).body if function is None else function.body
    for node in ir.walk_scope(body) if len(names) >= _FRESH else ():
        if isinstance(node, ir.Assign) and isinstance(node.value, ir.Call):
            told = {name for target in node.targets for name in _names(target)}
            if len(names & told) >= _FRESH and _is_step(graph, environments, node.value):
                return True
    given = {parameter.name for parameter in function.parameters} if function is not None else set()
    if not calls or names.isdisjoint(given):
        return False
    return any(
        _is_fresh(
            graph, environments, (site.function, site.path), _names(*(arg.value for arg in site.node.args)), calls - 1
        )
        for site in graph.callers.get(function, ())
    )


def _names(*nodes: ir.Node) -> set[str]:
    return {node.id for node in ir.walk(*nodes) if isinstance(node, ir.Name)}


def _is_step(graph: ReplayGraph, environments: Environments, call: ir.Call) -> bool:
    if call in graph.interpreter.interactions.steps:
        return True
    site = graph.events.calls.get(call)
    if site is None or not isinstance(call.func, ir.Attr) or call.func.attr != "step":
        return False
    made = [atom.node for atom in site.receiver.atoms if isinstance(atom, Instance)]
    return bool(made) and all(map(environments.is_environment, made))
