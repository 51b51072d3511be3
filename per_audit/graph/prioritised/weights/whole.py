"""Weights that are made whole numbers on their way to the loss: of those below 1 nothing is left."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.interpret.known.library import is_to_integers

if TYPE_CHECKING:
    from per_audit.graph.model import ReplayGraph
    from per_audit.graph.prioritised.weights.weights import Weight, Weights
    from per_audit.graph.symbolic import Term

_PARTS = ("tuple", "record", "item", "element", "at", "gather", "collect", "slice")  # with other things beside weights
_TENSORS = ("LongTensor", "IntTensor", "ShortTensor", "ByteTensor")


def rounded(graph: ReplayGraph, weights: Weights, weight: Weight) -> tuple[ir.Call, str] | None:
    """The call that rounds the weights down, and its file; None where none is seen to."""
    for site in sorted(graph.events.calls.values(), key=lambda site: (site.path, site.node.start)):
        made_of = _rounds(site.node)
        if made_of is None or not weights.is_carried(weight, site.path, made_of):
            continue
        if _is_of(graph.symbols.term(site.path, made_of), weight.formula.node):
            return site.node, site.path
    return None


def _is_of(term: Term, formula: ir.Node) -> bool:
    """Whether a term is computed from a formula, and from no part of something that may hold other things as well."""
    if term.node is formula or term.op in _PARTS:
        return term.node is formula
    return (all if term.op == "phi" else any)(_is_of(arg, formula) for arg in term.args)


def _rounds(call: ir.Call) -> ir.Expr | None:
    """What a call makes whole numbers of: `w.long()`, `w.astype(int)`, `torch.LongTensor(w)`."""
    name = ir.last_name(call.func)
    if name in _TENSORS:
        return call.argument(0)
    return call.func.value if isinstance(call.func, ir.Attr) and is_to_integers(call, name) else None
