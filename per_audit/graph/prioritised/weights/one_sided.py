"""Importance-sampling weights that one side of an error alone is multiplied by: its target, and not its loss."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.graph.symbolic import Term, contexts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from per_audit.graph.model import ReplayGraph
    from per_audit.graph.prioritised.weights.corrections import Product

_CURVED = ("mse", "huber", "smoothl1", "squarederror", "meansquared", "l2loss")


def one_sided(graph: ReplayGraph) -> Iterator[tuple[Term, str, Product]]:
    """The squares and losses of which one side alone is weighted, with their files and the products."""
    corrections = graph.corrections
    for function, path in corrections.losses_in:
        for made in corrections.made_in(function, path):
            inner = bent(made)
            if not inner or made.node is None or not corrections.is_averaged(made, function, path):
                continue
            if any(product.other.contains(made) for product in corrections.products):
                continue  # weighted itself
            found = (corrections.weighted_side(inner, context) for context in contexts(graph.symbols, *inner))
            product = next(filter(None, found), None)
            if product is not None:
                yield made, path, product


def are_weights_aside(graph: ReplayGraph) -> bool:
    """Whether all that weights are multiplied with is one side of an error: none of them corrects anything."""
    products = {product.node for product in graph.corrections.products}
    return bool(products) and products <= {product.node for _, _, product in one_sided(graph)}


def bent(made: Term) -> tuple[Term, ...]:
    """What is squared, or compared by a loss that is a square near zero; nothing for other terms."""
    if made.op == "pow" and made.args[1].number is not None and made.args[1].number > 1:
        return made.args[:1]
    if made.op == "mul" and made.args[0] == made.args[1]:
        return made.args[:1]
    if made.op == "loss" and any(word in made.data[0].lower().replace("_", "") for word in _CURVED):
        return tuple(arg for arg in made.args if arg.number != 0 and not (arg.op == "alloc" and "zeros" in arg.data))
    return ()
