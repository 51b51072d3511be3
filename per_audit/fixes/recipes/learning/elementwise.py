"""Losses that keep their elements, so that each can be weighted: functions, loss objects, a choice of these."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.fixes.draft import Refused
from per_audit.graph.interpret.values import Result

if TYPE_CHECKING:
    from per_audit.fixes.recipes.learning.losses import Loss, Losses

_NOTE = "one loss an element"


def keep_elements(losses: Losses, loss: Loss, others: list[Loss]) -> None:
    """Let a loss give one value an element; `others` are all that are weighted with it."""
    for made in loss.criteria:
        _refuse_other_uses(losses, made, others)
        _without_mean(losses, loss, losses.draft.path_of(made), made)
    if not loss.criteria:
        if sum(1 for arg in loss.node.args if arg.keyword is None) > 2:
            raise Refused(f"the loss at {losses.where(loss.node)} has positional options")
        _without_mean(losses, loss, losses.path, loss.node)


def _refuse_other_uses(losses: Losses, made: ir.Call, others: list[Loss]) -> None:
    graph, draft = losses.graph, losses.draft
    weighted = {other.node for other in others} | draft.weighted
    for site in graph.events.calls.values():
        is_it = any(isinstance(a, Result) and a.call is made for a in graph.events.value(site.node.func).atoms)
        if is_it and site.node not in weighted:
            raise Refused(f"its loss object is also used at {draft.where(site.path, site.node)}")


def _without_mean(losses: Losses, loss: Loss, path: str, call: ir.Call) -> None:
    """Let a call that computes a loss, or makes a loss object, leave out the mean."""
    draft, where = losses.draft, losses.where(loss.node)
    told = call.keyword("reduction")
    if call.keyword("reduce") or call.keyword("size_average") or any(arg.star for arg in call.args):
        raise Refused(f"the loss at {where} has options that are not understood")
    if told is None:
        draft.add_argument(path, call, 'reduction="none"', _NOTE)
    elif isinstance(told.value, ir.Const) and told.value.value == "mean":
        draft.once(path, told.value.start, told.value.end, '"none"', _NOTE)
    elif not (isinstance(told.value, ir.Const) and told.value.value == "none" and loss.criteria):
        text = draft.text(path, told.value)
        raise Refused(f"the loss at {where} has reduction={text}, whose weighting is not known")
