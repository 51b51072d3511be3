"""(1 / (N P))^-beta and (N P)^beta grow with the priority: the exponent changes its sign."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.fixes.draft import Refused
from per_audit.fixes.recipes.repairs import splices
from per_audit.graph.symbolic import strip
from per_audit.graph.symbolic.normal import COUNT, MINIMUM, PRIORITY

if TYPE_CHECKING:
    from per_audit.fixes.draft import Draft
    from per_audit.fixes.recipes.repairs.defect import Defect

RULE = "PER104"
_NOTE = "what is drawn more often weighs less"


def repair(draft: Draft, defect: Defect) -> None:
    """Turn the exponent round, or raise Refused."""
    path = defect.path
    if defect.finding.form != "inverted":
        raise Refused("what the weights are to be computed from here is for a person to say")
    node = defect.node(ir.Expr)
    exponent = node.right if isinstance(node, ir.Bin) and node.op == "**" else None
    if isinstance(node, ir.Call) and getattr(node.func, "attr", "") in ("pow", "power") and node.args:
        exponent = node.args[-1].value
    if exponent is None or isinstance(exponent, (ir.Const, ir.Bin, ir.IfExp)):
        raise Refused(f"the exponent at {draft.where(path, node)} is not written as a name")
    _refuse_more_defects(draft, path, node)
    draft.assumptions.append("the learning rate was chosen with these weights, and may have to follow")
    if isinstance(exponent, ir.Un) and exponent.op == "-":
        own = draft.own_parentheses(path, exponent)
        start, end = own if own is not None and splices.is_tight(exponent.operand) else (exponent.start, exponent.end)
        draft.replace(path, start, end, draft.text(path, exponent.operand), _NOTE)
    else:
        draft.replace(path, exponent.start, exponent.start, "-", _NOTE)


def _refuse_more_defects(draft: Draft, path: str, node: ir.Expr) -> None:
    """Refuse weights that another exponent alone does not make right: the scale of P / N, or an inverted divisor."""
    graph = draft.graph
    found = [(all_, weight) for b in graph.weighted for all_ in [graph.weights(b)] for weight in all_.all]
    for weights, weight in found:
        if weight.formula.node is not node:
            continue
        divisions = weights.divisions(weight)
        is_scaled = any(each.by_weights and strip(each.term).op != "pow" for each in divisions)
        if not is_scaled and any(each.exponent(COUNT) * each.exponent(PRIORITY) < 0 for each in weight.products):
            raise Refused(
                f"the base at {draft.where(path, node)} is P / N and not N P, as where 1 / (N * P) has lost its"
                " parentheses: with the sign of the exponent alone the weights would be of another size"
            )
        for division in divisions:
            # Turned round, a weight falls with the priority, and the largest one is that of the smallest priority.
            if any(divisor.exponent(MINIMUM) > 0 for divisor in weights.divisor_products(division)):
                raise Refused(
                    f"the divisor at {draft.where(division.path, division.divisor)} grows with the smallest priority"
                    " as well: it has to be turned round together with the weights"
                )
