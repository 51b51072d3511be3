"""Memories whose batches are only measured: a number is computed of each, by nothing that is learnt."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.interpret.values import External, Literal
from per_audit.graph.libraries.buffers import is_test

if TYPE_CHECKING:
    from per_audit.graph.interpret import events as ev
    from per_audit.graph.model import ReplayBuffer, ReplayGraph

_NUMBERS = ("float", "int")
_REDUCTIONS = ("item", "max", "mean", "min", "sum")
_ALONG = ("axis", "dim", "keepdims", "keepdim")


def is_only_measured(graph: ReplayGraph, buffer: ReplayBuffer) -> bool:
    """Whether every batch is only given to functions that make a number of it and of nothing else.

    What learns from a batch computes by what it has learnt so far, or changes that; tests may ask what they like.
    """
    sites = [site for site in buffer.samples if not is_test(site.path)]
    return bool(sites) and all(_is_measured(graph, site) for site in sites)


def _is_measured(graph: ReplayGraph, site: ev.CallSite) -> bool:
    parents = graph.parents(site.path)
    given = parents.get(site.node)
    if site.function is None or not isinstance(given, ir.Assign) or len(given.targets) != 1:
        return False
    target = given.targets[0]
    if not isinstance(target, ir.Name):
        return False
    used = [n for n in ir.walk(site.function) if isinstance(n, ir.Name) and n.id == target.id and n is not target]
    return bool(used) and all(_is_handed_to_measure(graph, parents, name) for name in used)


def _is_handed_to_measure(graph: ReplayGraph, parents: dict[ir.Node, ir.Node], name: ir.Name) -> bool:
    argument = parents.get(name)
    call = parents.get(argument) if isinstance(argument, ir.Arg) and not argument.star else None
    site = graph.events.calls.get(call) if isinstance(call, ir.Call) else None
    if site is None or not site.targets:
        return False
    return all(isinstance(func.node, ir.Function) and _measures(graph, func.node) for func in site.targets)


def _measures(graph: ReplayGraph, function: ir.Function) -> bool:
    """Whether a function has only a batch, and makes a number of it by what libraries and Python compute."""
    if len(function.parameters) != 1 or function.decorators or graph.project.class_of.get(function) is not None:
        return False
    nodes = list(ir.walk(*function.body))
    stored = (target for node in nodes for target in _targets(node))
    if not all(isinstance(part, (ir.Name, ir.Seq, ir.Star)) for target in stored for part in _parts(target)):
        return False
    own = {p.name for p in function.parameters}
    own |= {
        part.id for node in nodes for target in _targets(node) for part in _parts(target) if isinstance(part, ir.Name)
    }
    refusals = set(ir.walk(*(node for node in nodes if isinstance(node, ir.Raise))))
    others = (node for node in nodes if isinstance(node, ir.Name) and node.id not in own and node not in refusals)
    if not all(_is_of_libraries(graph, name) for name in others):
        return False
    returned = [node.value for node in nodes if isinstance(node, ir.Return)]
    return bool(returned) and all(value is not None and _is_number(value, nodes) for value in returned)


def _targets(node: ir.Node) -> list[ir.Expr]:
    """What a node gives a value to."""
    if isinstance(node, ir.Assign):
        return node.targets
    return [node.target] if isinstance(node, (ir.Aug, ir.For, ir.Generator)) else []


def _parts(target: ir.Expr) -> list[ir.Node]:
    return list(ir.walk(target)) if isinstance(target, ir.Seq) else [target]


def _is_of_libraries(graph: ReplayGraph, name: ir.Name) -> bool:
    atoms = graph.events.value(name).atoms
    return bool(atoms) and all(isinstance(atom, (External, Literal)) for atom in atoms)


def _is_number(value: ir.Expr, nodes: list[ir.Node]) -> bool:
    """Whether a function that consists of `nodes` makes one number of what it has as a value that it gives back."""
    if isinstance(value, ir.Name):
        made = [
            n.value
            for n in nodes
            if isinstance(n, ir.Assign) and any(getattr(t, "id", "") == value.id for t in n.targets)
        ]
        return bool(made) and all(isinstance(each, ir.Call) and _is_number(each, nodes) for each in made)
    if not isinstance(value, ir.Call):
        return isinstance(value, ir.Const)
    if isinstance(value.func, ir.Name):
        return value.func.id in _NUMBERS
    is_along = any(arg.keyword in _ALONG for arg in value.args)
    return isinstance(value.func, ir.Attr) and value.func.attr in _REDUCTIONS and not is_along and len(value.args) < 2
