"""Tensors that are made of nothing that was computed, and what is put into them item by item."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.gradients import vocabulary as grad

if TYPE_CHECKING:
    from per_audit.graph.interpret import events as ev


def is_empty_tensor(events: ev.Events, node: ir.Expr) -> bool:
    """Whether an expression makes a tensor to put others into, whose graphs it then carries."""
    if not isinstance(node, ir.Call):
        return False
    if ir.last_name(node.func) == "Variable" and node.args:
        return is_empty_tensor(events, node.args[0].value)
    site = events.calls.get(node)
    names = site.names if site is not None else ()
    return any(name.startswith("torch.") and name.rpartition(".")[2] in grad.EMPTY for name in names)


def put_into(tensor: ir.Name, function: ev.Owner) -> list[ir.Expr]:
    """What a function puts into a tensor before it is read: `out[i] = net(x)`."""
    if not isinstance(function, ir.Function):
        return []
    return [
        node.value
        for node in ir.walk_scope(function.body)
        if isinstance(node, ir.Assign)
        and node.value is not None
        and node.start < tensor.start
        and any(
            isinstance(target, ir.Sub) and isinstance(target.value, ir.Name) and target.value.id == tensor.id
            for target in node.targets
        )
    ]
