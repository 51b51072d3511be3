"""Alpha applied where a priority is made and again elsewhere: the power goes where the priority is made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.fixes.draft import Refused
from per_audit.fixes.recipes.repairs import splices
from per_audit.fixes.recipes.repairs.defect import nodes_at

if TYPE_CHECKING:
    from per_audit.fixes.draft import Draft
    from per_audit.fixes.recipes.repairs.defect import Defect

RULE = "PER201"
_NOTE = "alpha is applied once"


def repair(draft: Draft, defect: Defect) -> None:
    """Take the power away, or raise Refused."""
    path, finding = defect.path, defect.finding
    node = next((node for node in defect.nodes if isinstance(node, ir.Bin) and node.op == "**"), None)
    if node is None or finding.form != "twice":
        raise Refused(f"which of the powers that meet at {defect.where} is one too many is for a person to say")
    others = [link.place for link in finding.evidence if link.role == "alpha" and link.place != finding.place]
    if not others:
        raise Refused(f"where alpha is applied besides {defect.where} is not clear")
    draft.assumptions.append(f"alpha stays where it is applied at {others[0].path}:{others[0].line}")
    _take_away(draft, path, node)
    for place in (link.place for link in finding.evidence if link.role == "same"):
        again = next((n for n in nodes_at(draft.graph, place) if isinstance(n, ir.Bin) and n.op == "**"), None)
        if again is None:
            raise Refused(f"the same power is not read at {place.path}:{place.line}")
        _take_away(draft, place.path, again)


def _take_away(draft: Draft, path: str, node: ir.Bin) -> None:
    start, _ = splices.operator(draft, path, node.left, node.right, "**")
    body = draft.graph.module(path).text
    kept = body[node.start : start].rstrip()
    inner = kept[1:-1].strip() if kept.startswith(b"(") and node.left.start > node.start else kept
    text = inner if splices.stands_alone(draft, path, node) else kept
    draft.replace(path, node.start, node.end, text.decode(), _NOTE)
