"""Weights that meet every error of a batch, because one of both is a row and the other a column."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.graph.symbolic import alternatives
from per_audit.graph.symbolic.shape import BATCH, is_column_conflict

if TYPE_CHECKING:
    from per_audit.graph.model import ReplayGraph
    from per_audit.graph.prioritised.weights.corrections import Product
    from per_audit.graph.symbolic import Context, Term
    from per_audit.graph.symbolic.shape import Shape


def conflicting(graph: ReplayGraph, product: Product, context: Context) -> Term | None:
    """The weights of a product of which every one meets every error; None where each meets its own."""
    others = shapes_of_errors(graph, product, context)
    for weight in graph.corrections.weights_in(product.weight, context):
        shape = shape_of_weights(graph, weight, context)
        if any(is_column_conflict(shape, other) for other in others):
            return weight
    return None


def shape_of_weights(graph: ReplayGraph, weight: Term, context: Context) -> Shape | None:
    """The shape of weights, those of a list among them; None where it is not known."""
    return graph.shapes.within(context).of(weight) or _listed(graph, weight)


def shapes_of_errors(graph: ReplayGraph, product: Product, context: Context) -> set[Shape | None]:
    """The shapes that the other side of a product has, one for each way that it is made; None for one not known."""
    shapes = graph.shapes.within(context)
    others = {shapes.of(product.other)}
    if None in others and shapes.of(product.weight) is not None:
        here = context.head(product.other)
        others |= {shapes.of(option) for option in _chosen(graph.symbols.inside(here) or here)}
    return others


def _chosen(errors: Term) -> tuple[Term, ...]:
    """What errors are on each of several ways; none where one way goes on with what another made."""
    options = alternatives(errors)
    made_of = any(a is not b and a.contains(b) for a in options for b in options)
    return () if made_of else options


def _listed(graph: ReplayGraph, weight: Term) -> Shape | None:
    """The shape of a list of weights of which each was made of the priority of one transition."""
    while weight.op == "detach":
        weight = weight.args[0]
    if weight.op != "collect" or not graph.corrections.is_weight(weight.args[0]):
        return None
    containers = {term for buffer in graph.weighted for term in graph.anatomy(buffer).containers}
    read = (part for part in weight.args[0].walk() if part.op == "at" and part.args[0] in containers)
    return (BATCH,) if any(graph.shapes.of(part.args[1]) == () for part in read) else None
