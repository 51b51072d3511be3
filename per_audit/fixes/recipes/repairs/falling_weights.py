"""(1 / (N P))^-beta and (N P)^beta grow with the priority: the exponent changes its sign."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.fixes.draft import Refused
from per_audit.fixes.recipes import splices

if TYPE_CHECKING:
    from per_audit.fixes.draft import Draft
    from per_audit.fixes.recipes.repairs.defect import Defect

RULE = "PER104"
_NOTE = "what is drawn more often weighs less"


def repair(draft: Draft, defect: Defect) -> None:
    """Turn the exponent round, or raise Refused."""
    path = defect.path
    if "the exponent is inverted" not in defect.finding.message:
        raise Refused("what the weights are to be computed from here is for a person to say")
    node = defect.node(ir.Expr)
    exponent = node.right if isinstance(node, ir.Bin) and node.op == "**" else None
    if isinstance(node, ir.Call) and getattr(node.func, "attr", "") in ("pow", "power") and node.args:
        exponent = node.args[-1].value
    if exponent is None or isinstance(exponent, (ir.Const, ir.Bin, ir.IfExp)):
        raise Refused(f"the exponent at {draft.where(path, node)} is not written as a name")
    draft.assumptions.append("the learning rate was chosen with these weights, and may have to follow")
    if isinstance(exponent, ir.Un) and exponent.op == "-":
        own = draft.own_parentheses(path, exponent)
        start, end = own if own is not None and splices.is_tight(exponent.operand) else (exponent.start, exponent.end)
        draft.replace(path, start, end, draft.text(path, exponent.operand), _NOTE)
    else:
        draft.replace(path, exponent.start, exponent.start, "-", _NOTE)
