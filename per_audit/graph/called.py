"""What a container is called where something is put into it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.interpret.values import External

if TYPE_CHECKING:
    from collections.abc import Iterable

    from per_audit.graph.interpret.events import Events

_BY_PLACE = {"loc", "iloc"}  # how a table is asked for a row
_COLUMNS = 3  # the fewest names of what holds one field each


def container_name(node: ir.Node, events: Events) -> str | None:
    """The name or attribute into which a statement, call or display puts something; None for what has none."""
    target = _container(node, events)
    if isinstance(target, ir.Seq) and target.items:  # what is joined: `np.vstack((rows, row))`
        target = target.items[0]
    if isinstance(target, ir.Sub) and isinstance(target.index, ir.Const) and isinstance(target.index.value, str):
        target = target.value  # a column
    if isinstance(target, ir.Attr) and target.attr in _BY_PLACE:
        target = target.value
    if isinstance(target, ir.Attr):
        return target.attr
    return target.id if isinstance(target, ir.Name) else None


def are_columns(nodes: Iterable[ir.Node], events: Events) -> bool:
    """Whether what is put away together has a column in each of several attributes: none of them is the memory."""
    return len({container_name(node, events) for node in nodes} - {None}) >= _COLUMNS


def _container(node: ir.Node, events: Events) -> ir.Expr | None:
    if isinstance(node, ir.Call) and isinstance(node.func, ir.Attr):
        is_method = not any(isinstance(atom, External) for atom in events.value(node.func.value).atoms)
        return node.func.value if is_method or not node.args else node.args[0].value
    if isinstance(node, ir.Assign) and isinstance(node.targets[0], ir.Sub):
        return node.targets[0].value
    if isinstance(node, ir.Aug):
        return node.target
    if isinstance(node, ir.Bin):
        return node.right if isinstance(node.left, ir.Seq) else node.left
    if isinstance(node, ir.Seq):
        return next((item.value for item in node.items if isinstance(item, ir.Star)), None)
    return None
