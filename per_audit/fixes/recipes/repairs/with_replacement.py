"""`replace=False` in a draw by priority: the weights are those of a draw with replacement."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.fixes.draft import Refused

if TYPE_CHECKING:
    from per_audit.fixes.draft import Draft
    from per_audit.fixes.recipes.repairs.defect import Defect

RULE = "PER110"
_NOTE = "as the weights assume; duplicates in a batch are what they are made for"


def repair(draft: Draft, defect: Defect) -> None:
    """Draw with replacement, or raise Refused."""
    path, call = defect.path, defect.node(ir.Call)
    name = ir.last_name(call.func)
    keyword, position = ("replace", 2) if name == "choice" else ("replacement", 2)
    given = call.argument(position, keyword)
    if isinstance(given, ir.Const) and given.value is False:
        draft.replace(path, given.start, given.end, "True", _NOTE)
    elif given is None and name == "multinomial" and not any(arg.star for arg in call.args):
        draft.add_argument(path, call, "replacement=True", _NOTE)
    else:
        raise Refused(f"whether the draw at {draft.where(path, call)} puts back is not written there")
