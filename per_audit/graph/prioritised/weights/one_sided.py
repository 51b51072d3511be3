"""Importance-sampling weights that one side of an error alone, target or prediction, is multiplied by: not its loss."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.libraries.buffers import is_test
from per_audit.graph.prioritised.weights.compiled import TRAINS, are_squares, compilations, weights_read
from per_audit.graph.prioritised.weights.corrections import FORMS, has_gradient
from per_audit.graph.symbolic import Term, alternatives, contexts, strip

if TYPE_CHECKING:
    from collections.abc import Iterator

    from per_audit.graph.interpret.events import CallSite
    from per_audit.graph.model import ReplayGraph
    from per_audit.graph.prioritised.weights.corrections import Product
    from per_audit.graph.symbolic import Context

_CURVED = ("mse", "huber", "smoothl1", "squarederror", "meansquared", "l2loss")
_HOLDING = {"filled", "stack", "collect", "reshape", "detach", "loop", "tuple"}
_PARTS = {*FORMS, "gather", "at", "item", "slice"}
_DEEPEST = 4


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
            found = (_weighted_side(graph, inner, context) for context in contexts(graph.symbols, *inner))
            product = next(filter(None, found), None)
            if product is not None:
                yield made, path, product
    yield from _given(graph)


def _weighted_side(graph: ReplayGraph, terms: tuple[Term, ...], context: Context) -> Product | None:
    """The product with weights that one side of an error is, where the other has none; a gradient flows by one."""
    corrections = graph.corrections
    here = context.head(terms[0])
    sides = here.args if len(terms) == 1 and here.op == "sub" else terms
    if len(sides) != 2:
        return None
    products = [corrections.weighted(side, context, cut=True) for side in sides]
    product = next(filter(None, products), None)
    if product is None or all(products):
        return None
    other = context.head(sides[0 if products[0] is None else 1])
    if has_gradient(other, context) or (_is_said(product.other, context) and not corrections.holds_weights(other)):
        return product
    return None


def _is_said(term: Term, context: Context) -> bool:
    """Whether a term is what a network says, or some of it, with its gradient: the prediction, and no error."""
    here = context.head(term)
    while here.op in _PARTS:
        here = context.head(here.args[0])
    return here.op == "call"


def _given(graph: ReplayGraph) -> Iterator[tuple[Term, str, Product]]:
    """What Keras is given to learn by its square alone, where what an action earns is weighted: `goals[i][a] *= w[i]`.

    What a difference is weighted in, `goals = q + w * (goals - q)`, is no weighted target.
    """
    sites = [site for site in graph.events.calls.values() if getattr(site.node.func, "attr", "") in TRAINS]
    if (
        not sites
        or not are_squares(graph)
        or any(True for each in compilations(graph) for _ in weights_read(graph, each))
    ):
        return
    products = {product.node: product for product in graph.corrections.products}
    for site in sorted(sites, key=lambda site: (site.path, site.node.start)):
        goals = site.node.argument(1, "y")
        if goals is None or is_test(site.path) or _is_weighted(site):
            continue
        for goal in _goals(graph, graph.symbols.term(site.path, goals)):
            product = products.get(goal.node) if goal.op == "mul" and goal.node is not None else None
            if product is not None and not _is_difference(product.other):
                yield Term("loss", (goal,), ("fit",), site.node, site.path), site.path, product
                break


def _is_weighted(site: CallSite) -> bool:
    """Whether a call that trains may be given weights as such."""
    call = site.node
    is_third = ir.last_name(call.func) == "train_on_batch" and len(call.args) > 2
    return is_third or any(arg.star or arg.keyword in ("sample_weight", "class_weight") for arg in call.args)


def _is_difference(term: Term) -> bool:
    """Whether a term is an error, in whatever form or scale: something less something else, but for `1 - done`."""
    term = strip(term)
    if term.op == "sub":
        return term.args[0].number is None
    return term.op in ("add", "mul", "neg", "phi", "abs") and any(map(_is_difference, term.args))


def _goals(graph: ReplayGraph, goals: Term, depth: int = _DEEPEST) -> Iterator[Term]:
    """What is filled into an array of goals, or put together to one."""
    for option in graph.symbols.options(goals) if goals.op == "param" else alternatives(goals):
        if option.op == "mul" or not depth:
            yield option
        elif option.op in _HOLDING:
            for part in option.args:
                yield from _goals(graph, part, depth - 1)


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
