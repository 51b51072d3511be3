"""Buffers of libraries whose learners never look at a reward: they tell what was played from demonstrations.

The ratio of two densities, or a discriminator, is learnt from what is as often in the batch as in the memory: drawn by
priority it would be that of another one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.interpret.roles import REWARD, role_of_name, words
from per_audit.graph.interpret.values import Func

if TYPE_CHECKING:
    from per_audit.graph.interpret import events as ev
    from per_audit.graph.libraries.buffers import LibraryBuffer
    from per_audit.graph.model import ReplayGraph

_FORMS = {"shape", "dtype", "ndim", "size"}
_GRADIENTS = {"grad", "grads", "gradient", "gradients", "vjp", "backward", "minimize", "fit"}
_LOSSES = {"loss", "losses", "criterion", "objective"}


def is_learnt_without_rewards(graph: ReplayGraph, buffer: LibraryBuffer) -> bool:
    """Whether the class that makes a buffer makes learners too, and none of them reads the rewards of a batch."""
    owner = _class_around(graph, buffer)
    if owner is None or buffer.samples:
        return False
    makers = [part for part in ir.walk(owner) if isinstance(part, ir.Function)]
    sites = [site for function in makers for site in graph.calls_of(function)]
    learners = [(site, cls) for site in sites for cls in site.classes if _learns(graph, cls)]
    return bool(learners) and not any(_may_read_rewards(graph, site, cls) for site, cls in learners)


def _class_around(graph: ReplayGraph, buffer: LibraryBuffer) -> ir.Class | None:
    around = graph.ancestors(buffer.path, buffer.node)
    return next((each for each in around if isinstance(each, ir.Class)), None)


def _learns(graph: ReplayGraph, cls: ir.Class) -> bool:
    """Whether gradients are taken inside of a class: actors that have their variables updated learn nothing."""
    own = (part for part in ir.walk(cls) if isinstance(part, ir.Function))
    calls = (site.node for function in own for site in graph.calls_of(function))
    return any(not _GRADIENTS.isdisjoint(words(ir.last_name(call.func))) for call in calls)


def _may_read_rewards(graph: ReplayGraph, made: ev.CallSite, cls: ir.Class) -> bool:
    """Whether a learner, or a function that it is given for its loss, reads rewards; or that cannot be told."""
    given = zip(made.node.args, made.arguments, strict=True)
    functions = {p for each in graph.classes.mro(cls) for p in ir.walk(each) if isinstance(p, (ir.Function, ir.Lambda))}
    for argument, value in given:
        named = argument.keyword or ir.last_name(argument.value)
        called = {atom.node for atom in value.atoms if isinstance(atom, Func)}
        if not called and not _LOSSES.isdisjoint(words(named)):
            return True
        functions |= called
    reached: set[ev.Owner] = set().union(*(graph.reachable(function, 2) for function in functions))
    return any(_is_read(graph, node) for each in reached if each is not None for node in ir.walk(each))


def _is_read(graph: ReplayGraph, node: ir.Node) -> bool:
    """Whether a node is a reward of a batch: an attribute or key, a parameter, or what a batch is taken apart into."""
    if isinstance(node, ir.Parameter):
        return role_of_name(node.name) == REWARD
    if isinstance(node, ir.Seq):
        return any(isinstance(item, ir.Name) and role_of_name(item.id) == REWARD for item in node.items)
    if isinstance(node, ir.Sub):
        key = node.index.value if isinstance(node.index, ir.Const) else None
        return isinstance(key, str) and role_of_name(key) == REWARD and not _is_form(graph, node)
    if not isinstance(node, ir.Attr) or role_of_name(node.attr) != REWARD:
        return False
    is_function = any(isinstance(atom, Func) for atom in graph.events.value(node).atoms)
    return not is_function and not _is_form(graph, node)


def _is_form(graph: ReplayGraph, node: ir.Expr) -> bool:
    """Whether only the form of something is asked for, `batch.reward.shape`; or it is called, given a value or a name.

    Where it is handed on by its name, `Row(reward=steps.reward)`, what is made of it has it to be read.
    """
    path = graph.path_of(node)
    around = graph.parents(path).get(node) if path is not None else None
    if isinstance(around, ir.Attr):
        return around.attr in _FORMS
    if isinstance(around, ir.Arg):
        return around.keyword is not None and role_of_name(around.keyword) == REWARD
    if isinstance(around, ir.Call):
        return around.func is node
    return isinstance(around, ir.Assign) and node in around.targets
