"""Models that a method of the project fits: it takes weights that are left out by its other callers, and hands them on.

`self.brain.train(x, y)` with `def train(self, x, y): self.model.fit(x, y)`, or with a loss of torch in the place of
`fit`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.fixes.draft import Draft, Refused
from per_audit.fixes.recipes.batch.travel import Consumer
from per_audit.fixes.recipes.learning.losses import DIFFERENCES, Loss, Losses

if TYPE_CHECKING:
    from per_audit.graph import ReplayBuffer
    from per_audit.graph.interpret import events as ev

FITS = {"fit", "train_on_batch"}
_WEIGHT = "sample_weight"


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """The call that fits a model to rows, in a consumer or in the method that it gives the rows to.

    `path` and `node` are where the model itself is fitted; `call` is the call in the consumer, the same one where no
    method is in between. `losses` are those of torch, empty for Keras.
    """

    path: str
    node: ir.Call
    call: ir.Call
    function: ir.Function | None = None
    losses: tuple[Loss, ...] = ()


def fits(draft: Draft, buffer: ReplayBuffer, consumer: Consumer, body: list[ir.Stmt]) -> list[Fit]:
    """All calls by which a consumer fits a model."""
    found = [Fit(consumer.path, node, node) for node in _own(body)]
    if found:
        return found
    for site in draft.graph.calls_of(consumer.function, (consumer.path,)):
        fit = _through(draft, buffer, site)
        if fit is not None:
            found.append(fit)
    return found


def _own(body: list[ir.Stmt]) -> list[ir.Call]:
    return [
        node
        for node in ir.walk_scope(body)
        if isinstance(node, ir.Call) and isinstance(node.func, ir.Attr) and node.func.attr in FITS
    ]


def _through(draft: Draft, buffer: ReplayBuffer, site: ev.CallSite) -> Fit | None:
    """The fit in the only function that a call reaches, of rows that the call gives it."""
    functions = {func.node for func in site.targets}
    function = functions.pop() if len(functions) == 1 else None
    if not isinstance(function, ir.Function) or len(site.node.args) < 2:
        return None
    path = draft.graph.project.module_of[function].path
    given = {parameter.name for parameter in function.parameters}
    own = _own(function.body)
    if len(own) == 1 and _names(own[0].argument(0), own[0].argument(1)) <= given:
        return Fit(path, own[0], site.node, function)
    losses = Losses(draft, buffer, Consumer(path, function, _WEIGHT, "", "", arrival=function))
    compared = [loss for loss in losses.all() if loss.kind in DIFFERENCES and _is_of(losses, loss, given)]
    return Fit(path, compared[0].node, site.node, function, tuple(compared)) if len(compared) == 1 else None


def _is_of(losses: Losses, loss: Loss, given: set[str]) -> bool:
    """Whether a loss that is learnt from compares what the function was given with what it computes from it."""
    sides = [losses.sources(side) for side in (loss.prediction, loss.target)]
    is_of_both = all(any(isinstance(node, ir.Name) and node.id in given for node in side) for side in sides)
    return is_of_both and any(_is_learnt_from(node) for node in ir.walk_scope(losses.body))


def _is_learnt_from(node: ir.Node) -> bool:
    return isinstance(node, ir.Call) and isinstance(node.func, ir.Attr) and node.func.attr == "backward"


def _names(*nodes: ir.Expr | None) -> set[str]:
    if any(not isinstance(node, ir.Name) for node in nodes):
        return {""}  # no parameter
    return {node.id for node in nodes if isinstance(node, ir.Name)}


def weigh(draft: Draft, buffer: ReplayBuffer, fit: Fit, path: str, weights: str) -> None:
    """Give the weights to the call in the consumer, and from there to what fits the model."""
    note = "every row by its weight"
    draft.add_argument(path, fit.call, f"{_WEIGHT}={weights}", note)
    function = fit.function
    if function is None:
        return
    where = draft.where(fit.path, function)
    if any(parameter.kind or parameter.keyword_only for parameter in function.parameters) or function.decorators:
        raise Refused(f"the function at {where} has a signature or decorator that cannot take weights as well")
    if any(parameter.name == _WEIGHT for parameter in function.parameters):
        raise Refused(f"the function at {where} has a parameter {_WEIGHT} already")
    last = function.parameters[-1]
    draft.once(fit.path, last.end, last.end, f", {_WEIGHT}=None", note)
    if not fit.losses:
        draft.add_argument(fit.path, fit.node, f"{_WEIGHT}={_WEIGHT}", note)
        return
    losses = Losses(draft, buffer, Consumer(fit.path, function, _WEIGHT, "", "", arrival=function))
    draft.weighted |= {loss.node for loss in fit.losses}
    losses.weight(list(fit.losses))
