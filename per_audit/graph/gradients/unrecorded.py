"""Changes in place that PyTorch keeps no record of: the gradient of what they change is the one that it was before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.interpret.roles import name_of

if TYPE_CHECKING:
    from per_audit.graph.interpret import events as ev
    from per_audit.graph.model import ReplayGraph

_OFF = {"no_grad", "inference_mode"}


def is_unrecorded(graph: ReplayGraph, path: str, change: ir.Aug) -> bool:
    """Whether a value is changed under `no_grad` that was made outside of it, before the backward pass of its function.

    What is made under `no_grad` itself, targets or priorities, is another matter: it has no gradient to begin with. Nor
    has what a loss is multiplied by afterwards, ones that become weights, which does its part as it is then.
    """
    function = graph.symbols.function_of(path, change)
    around = next((node for node in graph.ancestors(path, change) if _is_off(node)), None)
    target = change.target
    if around is None or not isinstance(target, ir.Name) or not isinstance(function, ir.Function):
        return False
    made = [node for node in ir.walk_scope(function.body) if isinstance(node, ir.Assign) and node.end < change.start]
    of_name = [node for node in made if any(getattr(part, "id", None) == target.id for part in node.targets)]
    return (
        bool(of_name)
        and not any(_is_factor(node, target.id) for node in ir.walk_scope(function.body) if node.start > change.end)
        and of_name[-1].end <= around.start
        and any(
            isinstance(node, ir.Call) and name_of(node.func) == "backward" and node.start > around.end
            for node in ir.walk_scope(function.body)
        )
    )


def is_only_measured(graph: ReplayGraph, path: str, function: ev.Owner, names: set[str]) -> bool:
    """Whether a function reads these names under `no_grad` alone, and learns by a backward pass outside of it.

    Whatever it computes of them is for people: no gradient comes from there.
    """
    nodes = list(ir.walk(*function.body)) if isinstance(function, ir.Function) else []
    given = {part for node in nodes if isinstance(node, ir.Assign) for part in ir.walk(*node.targets)}
    reads = [node for node in nodes if isinstance(node, ir.Name) and node.id in names and node not in given]
    passes = [node for node in nodes if isinstance(node, ir.Call) and name_of(node.func) == "backward"]

    def is_off(node: ir.Node) -> bool:
        return any(map(_is_off, graph.ancestors(path, node)))

    return any(not is_off(node) for node in passes) and all(map(is_off, reads))


def is_without_graph(graph: ReplayGraph, path: str, node: ir.Node) -> bool:
    """Whether a place is inside of what switches the recording of gradients off: a `with`, or a decorator."""
    for around in graph.ancestors(path, node):
        heads = _heads(around)
        if any(ir.last_name(head) == "enable_grad" for head in heads):
            return False
        if any(ir.last_name(head) in _OFF for head in heads):
            return True
    return False


def _heads(around: ir.Node) -> list[ir.Expr]:
    """What is called, if it is, by the contexts of a `with` or by the decorators of a function."""
    if isinstance(around, ir.With):
        heads = [item.value for item in around.items]
    else:
        heads = around.decorators if isinstance(around, ir.Function) else []
    return [head.func if isinstance(head, ir.Call) else head for head in heads]


def _is_factor(node: ir.Node, name: str) -> bool:
    """Whether a node multiplies something but a number by what has a name."""
    if isinstance(node, ir.Aug) and node.op == "*":
        return _reads(node.value, name)
    if not isinstance(node, ir.Bin) or node.op != "*":
        return False
    sides = (node.left, node.right)
    return any(_reads(one, name) and not isinstance(other, ir.Const) for one, other in (sides, sides[::-1]))


def _reads(node: ir.Expr, name: str) -> bool:
    return any(isinstance(part, ir.Name) and part.id == name for part in ir.walk(node))


def _is_off(node: ir.Node) -> bool:
    """Whether a statement switches the recording of gradients off for its body, whatever the program does before."""
    heads = [item.value for item in node.items] if isinstance(node, ir.With) else []
    return any(isinstance(head, ir.Call) and not head.args and name_of(head.func) in _OFF for head in heads)
