"""Batches of which bootstrap targets are made, which tells a next state from other fields whatever it is called."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.interpret.roles import REWARD, name_of, role_of, words

if TYPE_CHECKING:
    from per_audit.graph.model import ReplayGraph

_DISCOUNTS = {"gamma", "discount"}


def bootstrapped(graph: ReplayGraph) -> set[ir.Node]:
    """The draws of whose batches a discounted part is added to the reward: `reward + gamma * best(following)`."""
    found: set[ir.Node] = set()
    for module in graph.project.modules.values():
        for node in module.nodes_of(ir.Bin):
            if isinstance(node, ir.Bin) and node.op == "+":
                for reward, ahead in ((node.left, node.right), (node.right, node.left)):
                    if _is_discounted(ahead) and REWARD in (graph.events.value(reward).roles or {role_of(reward)}):
                        drawn = graph.events.value(reward).tagged("draw")
                        found |= drawn & graph.events.value(ahead).tagged("draw")
    return found


def _is_discounted(node: ir.Expr) -> bool:
    """Whether a product has a factor that is called the discount, or is a number just below 1."""
    if not isinstance(node, ir.Bin) or node.op != "*":
        return False
    return any(
        (isinstance(side, ir.Const) and isinstance(side.value, float) and 0.5 <= side.value < 1)
        or (isinstance(side, (ir.Name, ir.Attr)) and not _DISCOUNTS.isdisjoint(words(name_of(side) or "")))
        or _is_discounted(side)
        for side in (node.left, node.right)
    )
