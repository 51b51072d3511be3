"""`argsort(priorities)` taken as ranks: the argsort of that order gives the rank of each slot."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.fixes.draft import Refused
from per_audit.fixes.recipes.repairs import splices

if TYPE_CHECKING:
    from per_audit.fixes.draft import Draft
    from per_audit.fixes.recipes.repairs.defect import Defect

RULE = "PER302"
_NOTE = "the rank of each slot, not the order of the slots"


def repair(draft: Draft, defect: Defect) -> None:
    """Sort the order once more, or raise Refused."""
    path, node = defect.path, defect.node(ir.Call)
    if defect.finding.form == "flat":
        raise Refused(f"the sort at {draft.where(path, node)} goes along an axis of length 1")
    order = _with_reversal(draft, path, node)
    if isinstance(node.func, ir.Attr) and node.func.attr == "argsort" and _is_module(draft, node):
        splices.call(draft, path, order, draft.text(path, node.func), _NOTE)
    elif isinstance(node.func, ir.Attr) and node.func.attr == "argsort":
        draft.replace(path, order.end, order.end, ".argsort()", _NOTE)
    elif isinstance(node.func, ir.Name):
        splices.call(draft, path, order, node.func.id, _NOTE)
    else:
        raise Refused(f"the sort at {draft.where(path, node)} is written in a way that is not understood")


def _is_module(draft: Draft, node: ir.Call) -> bool:
    """Whether `argsort` is a function that is given what it sorts, as `np.argsort(x)` is."""
    site = draft.graph.events.calls.get(node)
    return bool(node.args) and site is not None and any(name.endswith(".argsort") for name in site.names)


def _with_reversal(draft: Draft, path: str, node: ir.Expr) -> ir.Expr:
    """The sort with the `[::-1]` behind it."""
    around = draft.graph.parents(path).get(node)
    if isinstance(around, ir.Sub) and around.value is node and isinstance(around.index, ir.Slice):
        step = around.index.step
        is_whole = around.index.lower is None and around.index.upper is None
        if is_whole and isinstance(step, ir.Un) and isinstance(step.operand, ir.Const) and step.operand.value == 1:
            return around
        raise Refused(f"a part of the order is taken at {draft.where(path, around)}")
    return node
