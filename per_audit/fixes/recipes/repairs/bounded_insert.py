"""`insert` at an end of a deque with a maximum length: `appendleft` or `append`, which drop the oldest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.fixes.draft import Refused
from per_audit.fixes.recipes.repairs import splices

if TYPE_CHECKING:
    from per_audit.fixes.draft import Draft
    from per_audit.fixes.recipes.repairs.defect import Defect

RULE = "PER406"
_NOTE = "drops the oldest where the deque is full"


def repair(draft: Draft, defect: Defect) -> None:
    """Append where it was inserted, or raise Refused."""
    path, call = defect.path, defect.node(ir.Call)
    if not isinstance(call.func, ir.Attr) or call.func.attr != "insert" or len(call.args) != 2:
        raise Refused(f"`insert` at {draft.where(path, call)} is written in a way that is not understood")
    place, item = (arg.value for arg in call.args)
    name = _same(draft, path, call.func.value, place)
    if name is None:
        raise Refused(f"`insert` at {draft.where(path, call)} inserts neither at the front nor at the end")
    _, comma = splices.operator(draft, path, place, item, ",")
    gap = draft.graph.module(path).text[comma : item.start]
    draft.replace(path, call.func.end - len("insert"), call.func.end, name, _NOTE)
    draft.replace(path, place.start, comma + len(gap) - len(gap.lstrip(b" ")), "", _NOTE)


def _same(draft: Draft, path: str, deque: ir.Expr, place: ir.Expr) -> str | None:
    """The method that does at one of the two ends what `insert` does at a place."""
    if isinstance(place, ir.Const) and place.value == 0 and not isinstance(place.value, bool):
        return "appendleft"
    is_length = isinstance(place, ir.Call) and draft.text(path, place) == f"len({draft.text(path, deque)})"
    return "append" if is_length else None
