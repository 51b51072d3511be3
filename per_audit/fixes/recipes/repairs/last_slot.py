"""`tree.sum(0, n - 1)` where the end is excluded: the sum goes up to `n`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.fixes.draft import Refused
from per_audit.fixes.recipes.repairs import splices

if TYPE_CHECKING:
    from per_audit.fixes.draft import Draft
    from per_audit.fixes.recipes.repairs.defect import Defect

RULE = "PER301"


def repair(draft: Draft, defect: Defect) -> None:
    """Take away the `- 1`, or raise Refused."""
    path, call = defect.path, defect.node(ir.Call)
    ends = [arg.value for arg in call.args if arg.keyword is None]
    named = [arg.value for arg in call.args if arg.keyword is not None and not _is_zero(arg.value)]
    end = ends[1] if len(ends) == 2 else named[0] if len(named) == 1 else None
    if isinstance(end, ir.Name):
        end = _only_value(draft, path, end)
    if not (isinstance(end, ir.Bin) and end.op == "-" and isinstance(end.right, ir.Const) and end.right.value == 1):
        raise Refused(f"the end of the sum at {draft.where(path, call)} is not written as a number less 1")
    _relied_on(draft, path, call, end)
    start, _ = splices.operator(draft, path, end.left, end.right, "-")
    body = draft.graph.module(path).text
    draft.replace(path, len(body[:start].rstrip()), end.end, "", "the end is excluded already")


def _relied_on(draft: Draft, path: str, call: ir.Call, end: ir.Bin) -> None:
    """Raise Refused where other lines compare or count with the same number, or where it is taken from a position."""
    graph = draft.graph
    text, count = graph.source(path, end, 200), graph.source(path, end.left, 200)
    own = {*ir.walk(call), end}
    for node in ir.walk(*graph.module(path).body):
        used = isinstance(graph.parents(path).get(node), (ir.Bin, ir.Cmp))
        if used and isinstance(node, ir.Bin) and node not in own and graph.source(path, node, 200) == text:
            raise Refused(f"{draft.where(path, node)} goes by {text} as well")
        wraps = isinstance(node, ir.Assign) and isinstance(node.value, ir.Bin) and node.value.op == "%"
        if isinstance(node, ir.Assign) and wraps and any(graph.source(path, t, 200) == count for t in node.targets):
            raise Refused(f"{count} starts again at 0 at {draft.where(path, node)}: it does not count what is stored")


def _is_zero(node: ir.Expr) -> bool:
    return isinstance(node, ir.Const) and node.value == 0


def _only_value(draft: Draft, path: str, name: ir.Name) -> ir.Expr | None:
    """What a name stands for that is bound once and only read here."""
    function = draft.graph.symbols.function_of(path, name)
    made = splices.bindings(draft, path, function, name.id)
    if len(made) != 1 or len(list(splices.uses(draft, path, function, name.id))) != 2:
        raise Refused(f"{name.id} at {draft.where(path, name)} is used elsewhere as well")
    return made[0].value if isinstance(made[0], ir.Assign) and isinstance(made[0].targets[0], ir.Name) else None
