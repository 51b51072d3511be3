"""Whether a loss compares with a column of the batch as it was drawn: what learns the reward is no critic."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.interpret.known.externals import last
from per_audit.graph.interpret.roles import REWARD, role_of_name

if TYPE_CHECKING:
    from per_audit.fixes.recipes.learning.losses import Losses

_METHODS = {
    "unsqueeze", "squeeze", "view", "reshape", "flatten", "detach", "float", "double", "view_as", "expand_as", "t",
    "to", "cuda", "cpu", "clone", "type", "astype", "copy", "numpy", "contiguous",
}  # fmt: skip
_FUNCTIONS = {
    "tensor", "as_tensor", "Tensor", "FloatTensor", "DoubleTensor", "from_numpy", "array", "asarray", "stack", "cat",
    "vstack", "concatenate", "convert_to_tensor", "cast", "expand_dims", "reshape", "unsqueeze", "squeeze", "list",
}  # fmt: skip


def is_reward_alone(losses: Losses, node: ir.Expr, seen: frozenset[str] = frozenset()) -> bool:
    """Whether an expression is the drawn rewards, in whatever form, and nothing is added to them."""
    if isinstance(node, ir.Call):
        if isinstance(node.func, ir.Attr) and node.func.attr in _METHODS and not _is_function(losses, node):
            return is_reward_alone(losses, node.func.value, seen)
        first = node.argument(0)
        return first is not None and _is_function(losses, node) and is_reward_alone(losses, first, seen)
    if isinstance(node, ir.Comp):
        return node.kind == "list" and is_reward_alone(losses, node.elt, seen)
    if isinstance(node, ir.Sub):
        key = node.index.value if isinstance(node.index, ir.Const) else None
        return isinstance(key, str) and role_of_name(key) == REWARD
    if isinstance(node, ir.Attr):
        return role_of_name(node.attr) == REWARD
    if not isinstance(node, ir.Name) or _is_changed(losses, node.id):
        return False
    if node.id in seen:
        return True
    given = _given(losses, node.id)
    is_column = role_of_name(node.id) == REWARD or REWARD in losses.graph.events.value(node).roles
    return all(
        is_column if each is None else is_reward_alone(losses, each, seen | {node.id}) for each in given or [None]
    )


def _given(losses: Losses, name: str) -> list[ir.Expr | None]:
    """What a name is assigned in the function, None where it is a part of what is taken apart."""
    found: list[ir.Expr | None] = []
    for node in ir.walk_scope(losses.body):
        for target in node.targets if isinstance(node, ir.Assign) else ():
            if isinstance(target, ir.Name) and target.id == name:
                found.append(node.value if isinstance(node, ir.Assign) else None)
            for position, item in enumerate(target.items if isinstance(target, ir.Seq) else ()):
                if isinstance(item, ir.Name) and item.id == name and isinstance(node, ir.Assign):
                    value = node.value
                    items = value.items if isinstance(value, ir.Seq) else []
                    found.append(items[position] if position < len(items) else None)
    return found


def _is_function(losses: Losses, call: ir.Call) -> bool:
    """Whether a call makes an array or tensor of its first argument."""
    if isinstance(call.func, ir.Name) and call.func.id == "list":
        return True
    site = losses.graph.events.calls.get(call)
    return site is not None and any("." in name and last(name) in _FUNCTIONS for name in site.names)


def _is_changed(losses: Losses, name: str) -> bool:
    """Whether something is written into what a name stands for."""
    for node in ir.walk_scope(losses.body):
        targets = node.targets if isinstance(node, ir.Assign) else [node.target] if isinstance(node, ir.Aug) else []
        for target in targets:
            is_part = isinstance(target, ir.Sub) or isinstance(node, ir.Aug)
            root = target
            while isinstance(root, (ir.Sub, ir.Attr)):
                root = root.value
            if is_part and isinstance(root, ir.Name) and root.id == name:
                return True
        method = node.func if isinstance(node, ir.Call) else None
        is_in_place = isinstance(method, ir.Attr) and method.attr.endswith("_")
        if is_in_place and isinstance(method, ir.Attr) and getattr(method.value, "id", None) == name:
            return True
    return False
