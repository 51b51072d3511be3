"""Transitions stored with their autograd graph: what the network returned is detached where it is stored."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.fixes.draft import Refused
from per_audit.fixes.recipes.repairs import splices
from per_audit.fixes.recipes.repairs.defect import nodes_at

if TYPE_CHECKING:
    from collections.abc import Iterator

    from per_audit.fixes.draft import Draft
    from per_audit.fixes.recipes.repairs.defect import Defect
    from per_audit.graph.symbolic import Term

RULE = "PER405"
_ROWS = {"tuple", "record", "phi", "collect"}  # what holds tensors, or may be something else than one
_PAIRS = {"torch.nn.LSTM", "torch.nn.LSTMCell", "torch.nn.GRU", "torch.nn.RNN"}
_NOTE = "a transition is data, without the graph that computed it"


def repair(draft: Draft, defect: Defect) -> None:
    """Detach it, or raise Refused."""
    path, graph = defect.path, draft.graph
    made = {
        node
        for link in defect.finding.evidence
        if link.role == "network" and graph.module(link.place.path).layout is None
        for node in nodes_at(graph, link.place)
    }
    node = next((node for node in defect.nodes if isinstance(node, ir.Expr)), None)
    parts = _items(node) if isinstance(node, ir.Call) else () if node is None else (node,)
    terms = [(part, graph.symbols.term(path, part)) for part in parts]
    stored = [(p, t) for p, t in terms if p is node or any(c.node in made for c in graph.gradients.calls_in(t))]
    if len(stored) != 1 or stored[0][1].op in _ROWS:
        raise Refused(f"which part of what is stored at {defect.where} carries the graph is not clear")
    if _is_of_several(stored[0][1]):
        raise Refused(f"what is stored at {defect.where} is several tensors, each of which is to be detached")
    draft.assumptions.append("no loss is meant to learn through what is stored")
    splices.detach(draft, path, stored[0][0], _NOTE)


def _is_of_several(term: Term) -> bool:
    """Whether a value is the state of an LSTM, two tensors, or all that a recurrent layer gives back."""
    if term.op == "item" and term.data == 1:
        return (term.args[0].op, term.args[0].data) == ("call", "torch.nn.LSTM")
    return term.op == "call" and term.data in _PAIRS


def _items(call: ir.Call) -> Iterator[ir.Expr]:
    """The parts of a transition that a call stores: its arguments, and the items of a tuple or dict among them."""
    for argument in call.args:
        if argument.star:
            continue
        if isinstance(argument.value, ir.Seq):
            yield from argument.value.items
        elif isinstance(argument.value, ir.Map):
            yield from (value for value in argument.value.values if value is not None)
        elif isinstance(argument.value, ir.Call):
            yield from _items(argument.value)
        else:
            yield argument.value
