"""Powers of the number of transitions alone, where a product with a priority was meant: `p * n ** -beta`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import ir
from per_audit.graph.symbolic.normal import COUNT, PRIORITY

if TYPE_CHECKING:
    from per_audit.graph.prioritised.weights.weights import Weight, Weights


def raised_alone(weights: Weights, weight: Weight) -> ir.Bin | None:
    """The product of a power of the number of transitions alone with a priority, or its share; None for another.

    A power binds closer than a product: what should have been raised as well is left as it is.
    """
    node, path = weight.formula.node, weight.formula.path
    if not all({f.kind for f in p.factors} == {COUNT} and p.exponent(COUNT) < 0 for p in weight.products):
        return None
    around = weights.graph.parents(path).get(node)
    if not weight.products or not isinstance(around, ir.Bin) or around.op != "*":
        return None
    other = around.left if around.right is node else around.right
    beside = weights.normal.products(weights.symbols.term(path, other))
    is_share = bool(beside) and all(p.exponent(PRIORITY) > 0 and p.differs_by_priority for p in beside)
    return around if is_share else None
