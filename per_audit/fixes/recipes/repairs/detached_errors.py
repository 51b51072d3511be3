"""Priorities that carry the graph of the loss: the errors are detached where they are handed over or converted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.fixes.draft import Refused
from per_audit.fixes.recipes.repairs import splices
from per_audit.fixes.recipes.repairs.defect import handed_errors

if TYPE_CHECKING:
    from per_audit.fixes.draft import Draft
    from per_audit.fixes.recipes.repairs.defect import Defect

RULE = "PER211"
_NOTE = "a priority is a number, without the graph that computed it"


def repair(draft: Draft, defect: Defect) -> None:
    """Detach them, or raise Refused."""
    path = defect.path
    assigned = next((node.value for node in defect.nodes if isinstance(node, ir.Assign)), None)
    if assigned is not None:
        splices.detach(draft, path, assigned, _NOTE)
        return
    node = defect.node(ir.Call)
    if defect.finding.form == "converted":
        is_method = isinstance(node.func, ir.Attr) and node.func.attr in splices.CARRIERS
        value = node if is_method else node.argument(0)
        if value is None:
            raise Refused(f"what is converted at {defect.where} was not understood")
        splices.detach(draft, path, value, _NOTE)
        return
    errors = handed_errors(draft.graph, defect)
    symbols = draft.graph.symbols
    given = [
        argument.value
        for argument in node.args
        if not argument.star and any(part.node in errors for part in symbols.term(path, argument.value).walk())
    ]
    if len(given) != 1:
        raise Refused(f"which value at {defect.where} is the TD error is not clear")
    splices.detach(draft, path, given[0], _NOTE)
