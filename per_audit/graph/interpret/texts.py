"""Methods that are called of what a test says is a text: they are those of no class of the project."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.interpret.known.draws import same

if TYPE_CHECKING:
    from collections.abc import Iterator

    from per_audit.facts import ModuleFacts


def called_of_texts(module: ModuleFacts) -> frozenset[ir.Call]:
    """The calls of methods of a name or an attribute under a test that holds for a text alone: `if kind == "ranked":`.

    What is assigned to it there may be an object.
    """
    return frozenset(
        part
        for node in module.nodes
        if isinstance(node, (ir.If, ir.IfExp))
        for place in _texts(node.test)
        for body in [node.body if isinstance(node.body, list) else [node.body]]
        for part in ir.walk(*body)
        if isinstance(part, ir.Call)
        and isinstance(part.func, ir.Attr)
        and same(part.func.value, place)
        and not any(_assigns(other, place) for other in ir.walk(*body))
    )


def _texts(test: ir.Expr) -> Iterator[ir.Name | ir.Attr]:
    """What is a text where a test holds."""
    if isinstance(test, ir.Logic) and test.op == "and":
        yield from _texts(test.left)
        yield from _texts(test.right)
    if isinstance(test, ir.Cmp) and test.ops in (["=="], ["in"]):
        compared = test.rights[0]
        among = compared.items if isinstance(compared, ir.Seq) and test.ops == ["in"] else [compared]
        is_of_texts = bool(among) and all(isinstance(each, ir.Const) and isinstance(each.value, str) for each in among)
        is_among = test.ops == ["=="] or isinstance(compared, ir.Seq)
        if is_of_texts and is_among and isinstance(test.left, (ir.Name, ir.Attr)):
            yield test.left


def _assigns(statement: ir.Node, place: ir.Name | ir.Attr) -> bool:
    """Whether a statement assigns to a place, alone or among others."""
    if isinstance(statement, ir.Assign):
        targets = statement.targets
    else:
        targets = [statement.target] if isinstance(statement, (ir.For, ir.Aug)) else []
    return any(same(node, place) for node in ir.walk(*targets) if isinstance(node, ir.Expr))
