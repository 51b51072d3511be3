"""Batches of which bootstrap targets are made, which tells a next state from other fields whatever it is called."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.interpret.roles import REWARD, name_of, role_of, words

if TYPE_CHECKING:
    from per_audit.graph.model import ReplayGraph

_DISCOUNTS = {"gamma", "discount"}


def bootstrapped(graph: ReplayGraph) -> dict[ir.Node, bool]:
    """The draws of whose batches a discounted part is added to another: `reward + gamma * best(following)`.

    By each, whether what it is added to is known to be the reward. A sum that goes on from turn to turn is none.
    """
    found: dict[ir.Node, bool] = {}
    for module in graph.project.modules.values():
        for node in module.nodes_of(ir.Bin):
            if isinstance(node, ir.Bin) and node.op == "+":
                for reward, ahead in ((node.left, node.right), (node.right, node.left)):
                    if is_discounted(graph, ahead) and not is_running_sum(graph, module.path, node):
                        known = graph.events.value(reward)
                        is_reward = REWARD in (known.roles or {role_of(reward)})
                        for draw in known.tagged("draw") & graph.events.value(ahead).tagged("draw"):
                            found[draw] = found.get(draw, False) or is_reward
    return found


def is_running_sum(graph: ReplayGraph, path: str, node: ir.Bin) -> bool:
    """Whether a sum has what it was in the turn before as a part: `total = reward + gamma * total`, in a loop.

    What the loop gives another value in each turn is no sum of the turns before.
    """
    statement = graph.statement(path, node)
    target = statement.targets[0] if isinstance(statement, ir.Assign) and statement.value is node else None
    if not isinstance(target, ir.Name) or not isinstance(statement, ir.Assign):
        return False
    loop = next(graph.loops_around(path, node), None)
    if loop is None or not any(isinstance(part, ir.Name) and part.id == target.id for part in ir.walk(node)):
        return False
    bound = [part for each in ir.walk(*loop.body) if isinstance(each, ir.Assign) for part in ir.walk(*each.targets)]
    if isinstance(loop, ir.For):
        bound += ir.walk(loop.target)
    return sum(isinstance(part, ir.Name) and part.id == target.id for part in bound) == 1


def is_discounted(graph: ReplayGraph, node: ir.Expr) -> bool:
    """Whether a product has a factor that is called the discount, or is a number just below 1, written there or not."""
    if not isinstance(node, ir.Bin) or node.op != "*":
        return False
    return any(
        (isinstance(number := graph.events.value(side).literal(), float) and 0.5 <= number < 1)
        or (isinstance(side, (ir.Name, ir.Attr)) and not _DISCOUNTS.isdisjoint(words(name_of(side) or "")))
        or is_discounted(graph, side)
        for side in (node.left, node.right)
    )
