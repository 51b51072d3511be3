"""Memories whose batches teach nothing: a number is computed of each by nothing that is learnt, or nothing at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.interpret.roles import name_of
from per_audit.graph.interpret.values import External, Literal
from per_audit.graph.libraries.buffers import is_test
from per_audit.graph.symbolic.vocabulary import RESHAPES, STACKS, TRANSPARENT

if TYPE_CHECKING:
    from per_audit.graph.interpret import events as ev
    from per_audit.graph.model import ReplayBuffer, ReplayGraph

_NUMBERS = ("float", "int")
_REDUCTIONS = ("item", "max", "mean", "min", "sum")
_CONVERTS = {*TRANSPARENT, *RESHAPES, *STACKS, "unsqueeze", "squeeze", "zip"} - {"get", "remote"}
_COMPUTE = ("builtins", "itertools", "jax", "math", "numpy", "operator", "statistics", "torch")
_ALONG = ("axis", "dim", "keepdims", "keepdim")


def is_only_measured(graph: ReplayGraph, buffer: ReplayBuffer) -> bool:
    """Whether every batch is only given to functions that make a number of it and of nothing else.

    What learns from a batch computes by what it has learnt so far, or changes that; tests may ask what they like.
    """
    sites = [site for site in buffer.samples if not is_test(site.path)]
    return bool(sites) and all(_is_measured(graph, site) for site in sites)


def is_only_converted(graph: ReplayGraph, buffer: ReplayBuffer) -> bool:
    """Whether every batch is only made into arrays or tensors that have names, which nothing reads."""
    sites = [site for site in buffer.samples if not is_test(site.path)]
    return bool(sites) and all(_is_left(graph, site) for site in sites)


def _is_left(graph: ReplayGraph, site: ev.CallSite) -> bool:
    given = graph.parents(site.path).get(site.node)
    if site.function is None or not isinstance(given, ir.Assign):
        return False
    inside = [node for node in ir.walk(site.function) if isinstance(node, ir.Name)]
    pending, known, converted = [given], set[ir.Node](), 0
    while pending:
        made = pending.pop()
        targets = [part for target in made.targets for part in _parts(target)]
        if not all(isinstance(part, (ir.Name, ir.Seq)) for part in targets):
            return False
        known |= {made}
        names = {part.id for part in targets if isinstance(part, ir.Name)}
        for name in (name for name in inside if name.id in names and name not in targets):
            statement = graph.statement(site.path, name)
            if not isinstance(statement, ir.Assign) or statement.value is None or not _converts(graph, statement.value):
                if statement not in known:
                    return False
            elif statement not in known:
                pending.append(statement)
                converted += 1
    return converted > 0


def _converts(graph: ReplayGraph, value: ir.Expr) -> bool:
    """Whether an expression is what calls make of arrays that only give them another type or shape."""
    calls = [part for part in ir.walk(value) if isinstance(part, ir.Call)]
    return bool(calls) and all(_is_conversion(graph, call) for call in calls)


def _is_conversion(graph: ReplayGraph, call: ir.Call) -> bool:
    site, name = graph.events.calls.get(call), name_of(call.func)
    if name == "map":  # `map(np.stack, zip(*batch))`
        return bool(call.args) and name_of(call.args[0].value) in _CONVERTS
    return name in _CONVERTS and not (site is not None and site.targets)


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
    """Whether a function has only a batch, and makes a number of it by what Python and libraries of numbers compute.

    What comes from elsewhere may learn: a step of a trainer, a model.
    """
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
    if not all(_is_computed(graph, name) for name in others):
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


def _is_computed(graph: ReplayGraph, name: ir.Name) -> bool:
    """Whether a name stands for a constant, or for what only computes."""
    atoms = graph.events.value(name).atoms
    return bool(atoms) and all(
        isinstance(atom, Literal) or (isinstance(atom, External) and atom.name.partition(".")[0] in _COMPUTE)
        for atom in atoms
    )


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
