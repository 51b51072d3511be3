"""Ratios of two policies, `exp(new - old)`: what a learner computes that goes by what the policy said when it acted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.interpret.roles import name_of

if TYPE_CHECKING:
    from per_audit.facts import ModuleFacts


def compares_policies(module: ModuleFacts) -> bool:
    """Whether a file takes the exponential of a difference, written there or under a name."""
    calls = [node for node in module.nodes_of(ir.Call) if isinstance(node, ir.Call) and name_of(node.func) == "exp"]
    if not calls:
        return False
    differences = {
        target.id
        for node in module.nodes_of(ir.Assign)
        if isinstance(node, ir.Assign) and _is_difference(node.value)
        for target in node.targets
        if isinstance(target, ir.Name)
    }
    operands = [arg.value for call in calls for arg in call.args]
    operands += [call.func.value for call in calls if isinstance(call.func, ir.Attr)]
    return any(_is_difference(each) or getattr(each, "id", None) in differences for each in operands)


def _is_difference(node: ir.Expr | None) -> bool:
    """Whether a value is a difference, or one summed up: `(new - old).sum(-1)`."""
    while isinstance(node, ir.Call) and isinstance(node.func, ir.Attr):
        node = node.func.value
    return isinstance(node, ir.Bin) and node.op == "-"
