"""Whether a value is computed from the reward: by the assignments of its function, or those of functions around it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.interpret.roles import REWARD, role_of_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from per_audit.fixes.recipes.learning.losses import Losses

_CALLS = 2  # how many calls a target may come through


def is_computed_from_reward(losses: Losses, node: ir.Expr) -> bool:
    """Whether an expression of a function is computed from the reward.

    Parameters and results of functions count where they are computed from the batch: the batch itself holds the reward
    too, whatever is made of it.
    """
    for part in losses.sources(node):
        name = _name_of(part)
        if name is not None and (role_of_name(name) == REWARD or REWARD in losses.graph.events.value(part).roles):
            return True
        if losses.depth >= _CALLS:
            continue
        if isinstance(part, ir.Name) and any(_given(losses, part.id)):
            return True
        if isinstance(part, ir.Call) and _is_computed(losses, part) and any(_returned(losses, part)):
            return True
    return False


def _given(losses: Losses, name: str) -> Iterator[bool]:
    """Whether each call of the function gives a parameter something that is computed from the reward."""
    function, graph = losses.consumer.function, losses.graph
    names = [each.name for each in function.parameters] if isinstance(function, ir.Function) else []
    if name not in names or name in losses.definitions:
        return
    for site in graph.callers.get(function, []):
        is_bound = any(func.node is function and func.owner is not None for func in site.targets)
        position = names.index(name) - is_bound
        argument = site.node.argument(position, name) if position >= 0 else None
        if argument is not None and _is_computed(losses, argument):
            outside = losses.inside(site.path, site.function, graph.statement(site.path, site.node))
            yield is_computed_from_reward(outside, argument)


def _returned(losses: Losses, call: ir.Call) -> Iterator[bool]:
    """Whether each function that a call may reach returns something that is computed from the reward."""
    site = losses.graph.events.calls.get(call)
    for func in site.targets if site is not None else ():
        if isinstance(func.node, ir.Function):
            inside = losses.inside(losses.graph.project.module_of[func.node].path, func.node, func.node)
            for node in ir.walk_scope(func.node.body):
                if isinstance(node, ir.Return) and node.value is not None:
                    yield is_computed_from_reward(inside, node.value)


def _is_computed(losses: Losses, node: ir.Expr) -> bool:
    """Whether a value is made from the batch, rather than the batch or one of its fields."""
    value = losses.graph.events.value(node)
    return bool(value.tagged("draw") & losses.draws) and not value.atoms


def _name_of(node: ir.Node) -> str | None:
    """A name, the name of an attribute, or the key of `batch["reward"]`."""
    if isinstance(node, ir.Sub) and isinstance(node.index, ir.Const):
        return node.index.value if isinstance(node.index.value, str) else None
    return node.id if isinstance(node, ir.Name) else node.attr if isinstance(node, ir.Attr) else None
