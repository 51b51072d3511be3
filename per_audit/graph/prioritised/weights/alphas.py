"""How often alpha is applied: in the weights, and in what transitions are drawn by."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.graph.prioritised.priorities.held import compared_with
from per_audit.graph.symbolic import alternatives, strip
from per_audit.graph.symbolic.degree import is_alpha
from per_audit.graph.symbolic.normal import PRIORITY

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from per_audit.graph.prioritised.weights.weights import Weight, Weights
    from per_audit.graph.symbolic import Term
    from per_audit.graph.symbolic.normal import Product


def raised_otherwise(weights: Weights, weight: Weight) -> int:
    """How much more often alpha is applied in the weight than in the draw from the same container; 0 where equal.

    0 also where either is not known.
    """
    drawn = _raised(weights, (product for term in weights.probabilities() for product in weights.normal.products(term)))
    drawn = drawn or {(leaves, 0) for leaves in _searched(weights)}
    used = _raised(weights, weight.products)
    if len(drawn) != 1 or len(used) != 1:
        return 0
    ((container, times),) = used
    ((source, drawn_times),) = drawn
    return times - drawn_times if container == source else 0


def is_made_before_alpha(weights: Weights, weight: Weight) -> bool:
    """Whether a weight is made of entries of an array whose powers are what transitions are drawn by.

    Each priority that is written is one of that array, raised to alpha: `tree.put(slot, errors[slot] ** alpha)`.
    """
    raised = {_raised_entry(option) for each in weights.anatomy.writes for option in alternatives(strip(each.value))}
    held = next(iter(raised), None)
    exponent = strip(weight.formula.exponent)
    if len(raised) != 1 or held is None or not (exponent.op == "neg" or (exponent.number or 0) < 0):
        return False
    factors = list(_factors(weight.formula.base))
    read = [factor for factor in factors if _entry_of(factor) is not None]
    return len(read) == 1 and _entry_of(read[0]) == held and not any(f.has("pow") for f in factors if f is not read[0])


def _raised_entry(value: Term) -> Term | None:
    """The array of which a value is one entry, raised to alpha."""
    value = strip(value)
    if value.op != "pow" or not (is_alpha(value.args[1]) or value.args[1].number == 0.5):
        return None
    return _entry_of(strip(value.args[0]))


def _entry_of(value: Term) -> Term | None:
    """The array of which a value is one entry, or some."""
    held = strip(value.args[0]) if value.op == "at" else None
    return held if held is not None and held.op in ("field", "global") else None


def _factors(base: Term) -> Iterator[Term]:
    """What a base is a product or a quotient of."""
    base = strip(base)
    if base.op not in ("mul", "div"):
        yield base
        return
    for part in base.args:
        yield from _factors(part)


def _searched(weights: Weights) -> Iterator[Term]:
    """The trees whose entries, as they are, a random number is compared with on its way down."""
    anatomy = weights.anatomy
    for source in anatomy.buffer.sources if not _are_several(weights) else ():
        compared = [strip(term) for term in compared_with(weights.graph, source)]
        held = {anatomy.base_of(term) for term in compared if term.op in ("at", "item")}
        if len(held) == 1 and all(term.op in ("at", "item") for term in compared):
            yield from held


def _are_several(weights: Weights) -> bool:
    """Whether there may be several trees of a memory, which no term tells apart: of priorities and of their powers."""
    anatomy, interpreter = weights.anatomy, weights.graph.interpreter
    owner = anatomy.buffer.owner
    trees = anatomy.holders.difference(interpreter.classes.mro(owner) if owner is not None else ())
    trees |= {heir for cls in trees for heir in interpreter.classes.heirs(cls)}
    made = (site for site in weights.graph.events.calls.values() if not site.classes.isdisjoint(trees))
    return sum(anatomy.class_of(site.function) in anatomy.family for site in made) > 1


def _raised(weights: Weights, products: Iterable[Product]) -> set[tuple[Term | None, int]]:
    """The containers that priorities come from, and how often they are raised to alpha."""
    found: set[tuple[Term | None, int]] = set()
    for product in products:
        priorities = product.of(PRIORITY)
        found |= {(weights.anatomy.base_of(factor.term), factor.raised) for factor in priorities} or {(None, 0)}
        if not product.is_known:
            found.add((None, 0))
    return found
