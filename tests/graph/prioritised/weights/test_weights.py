"""What weights are made of, as products, and what they are divided by."""

import pytest

from per_audit.graph.symbolic.normal import COUNT, MAXIMUM, MINIMUM, PRIORITY, TOTAL

KINDS = (PRIORITY, COUNT, TOTAL, MINIMUM, MAXIMUM)


def exponents(product):
    return {kind: product.exponent(kind) for kind in KINDS if product.of(kind)}


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        ("(filled * p[slots]) ** -beta", {PRIORITY: -1, COUNT: -1, TOTAL: 1}),
        ("np.power(1.0 / (filled * p[slots]), beta)", {PRIORITY: -1, COUNT: -1, TOTAL: 1}),
        ("1 / (filled * p[slots]) ** beta", {PRIORITY: -1, COUNT: -1, TOTAL: 1}),
        ("(self.mass[slots] / self.mass.sum() * len(self.rows)) ** (-1 * beta)", {PRIORITY: -1, COUNT: -1, TOTAL: 1}),
        ("((p * filled) ** -beta)[slots]", {PRIORITY: -1, COUNT: -1, TOTAL: 1}),
        ("(filled * (p[slots] + 1e-8)) ** -beta", {PRIORITY: -1, COUNT: -1, TOTAL: 1}),
        ("(1 / (filled * p[slots])) ** -beta", {PRIORITY: 1, COUNT: 1, TOTAL: -1}),
        ("(filled * self.mass[slots]) ** -beta", {PRIORITY: -1, COUNT: -1}),
        ("(self.mass.sum() * p[slots]) ** -beta", {PRIORITY: -1}),
        ("(p[slots] / p.min()) ** -beta", {PRIORITY: -1, MINIMUM: 1}),
        ("(self.mass[slots] / self.least) ** -beta", {PRIORITY: -1, MINIMUM: 1}),
        ("(p.max() / p[slots]) ** beta", {PRIORITY: -1, MAXIMUM: 1}),
        ("(self.mass[slots] ** 2 / self.mass.sum()) ** -beta", {PRIORITY: -2, TOTAL: 1}),
    ],
)
def test_products(weights_of, formula, expected):
    (weight,) = (
        {w.formula.made: w for w in weights_of(formula).all}.values()
        if "1 / (" not in formula[:5]
        else (weights_of(formula).all[:1])
    )
    assert [exponents(product) for product in weight.products] == [expected]
    assert weight.is_of_transitions


def test_alpha_is_counted_apart_from_exponents(weights_of):
    (weight,) = weights_of("(self.mass[slots] ** self.alpha / (self.mass ** self.alpha).sum()) ** -beta").all
    (product,) = weight.products
    assert exponents(product) == {PRIORITY: -1, TOTAL: 1}
    assert [factor.raised for factor in product.factors] == [1, 1]


def test_a_mixture_is_no_product_of_priorities(weights_of):
    (weight,) = weights_of("(filled * (0.9 * p[slots] + 0.1 / filled)) ** -beta").all
    assert not weight.is_of_transitions or not weight.products[0].is_known


def test_a_network_is_no_factor(weights_of):
    (weight,) = weights_of("(filled * p[slots] * np.exp(slots)) ** -beta").all
    assert not weight.products[0].is_known
    assert not weight.products[0].differs_by_priority


def test_a_power_under_a_fraction_bar_counts_with_the_other_sign(weights_of):
    weights = weights_of("(filled * p[slots]) ** beta", "weights.min() / weights")
    assert [weight.products[0].exponent(PRIORITY) for weight in weights.all] == [-1]


@pytest.mark.parametrize(
    ("result", "scaled"),
    [
        ("weights / weights.max()", True),
        ("np.divide(weights, np.max(weights))", True),
        ("weights / weights.sum() * n", True),
        ("np.clip(weights, 0, 1)", True),
        ("weights / n", False),
        ("weights.astype(np.float32)", False),
    ],
)
def test_what_scales_weights(weights_of, result, scaled):
    weights = weights_of("(filled * p[slots]) ** -beta", result)
    (weight,) = weights.all
    assert weights.is_scaled(weight) is scaled
    assert weights.reach_a_loss(weight)


def test_a_division_under_a_switch_is_not_usual(weights_of):
    weights = weights_of("(filled * p[slots]) ** -beta", "weights / weights.max() if self.alpha else weights")
    (division,) = weights.divisions(weights.all[0])
    assert division.switch is not None
    assert not weights.is_usual(division)
    assert division.by_weights
