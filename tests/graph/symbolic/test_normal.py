"""Terms as products of priorities, totals, extremes, counts and constants."""

import pytest

from per_audit.facts import ir
from per_audit.graph.symbolic import Term
from per_audit.graph.symbolic.normal import (
    CONSTANT,
    COUNT,
    MAXIMUM,
    MINIMUM,
    PRIORITY,
    TOTAL,
    UNKNOWN,
    Factor,
    Normal,
    Product,
)

MEMORY = """
import numpy as np
import torch


class Memory:
    def __init__(self, size, alpha=0.6):
        self.rows, self.mass, self.size, self.at, self.alpha = [None] * size, np.zeros(size), size, 0, alpha

    def push(self, state, action, reward, next_state, done):
        self.rows[self.at % self.size] = (state, action, reward, next_state, done)
        self.mass[self.at % self.size] = 1.0
        self.at += 1

    def sample(self, n, beta):
        p = self.mass / self.mass.sum()
        slots = np.random.choice(self.size, n, p=p)
        weights = (self.size * p[slots]) ** -beta
        TEXT
        return [self.rows[i] for i in slots], slots, weights

    def update(self, slots, errors):
        self.mass[slots] = np.abs(errors)


def train(net):
    memory = Memory(100)
    while True:
        memory.push(*net.step())
        batch, slots, weights = memory.sample(32, 0.4)
        errors = net.errors(batch)
        (torch.as_tensor(weights) * errors**2).mean().backward()
        memory.update(slots, errors)
"""
X, Y = Term("global", (), ("a.py", "x")), Term("global", (), ("a.py", "y"))


@pytest.fixture
def products(project):
    """The products of an expression inside `sample`, as (kind, exponent, raised) of each factor."""

    def find(text):
        graph = project(MEMORY.replace("TEXT", f"value = {text}"))
        normal = Normal(graph.anatomy(graph.buffers[0]))
        (path,) = graph.project.modules
        module = graph.module(path)
        node = [n for n in ir.walk(*module.body) if isinstance(n, ir.Expr) and module.source(n) == text][-1]
        return [
            sorted((f.kind, f.exponent, f.raised) for f in product.factors)
            for product in normal.products(graph.symbols.term(path, node))
        ]

    return find


@pytest.mark.parametrize(
    ("text", "factors"),
    [
        ("p[slots]", [(PRIORITY, 1, 0), (TOTAL, -1, 0)]),
        ("self.size * self.mass[slots]", [(COUNT, 1, 0), (PRIORITY, 1, 0)]),
        ("1 / self.mass[slots] ** 2", [(CONSTANT, 1, 0), (PRIORITY, -2, 0)]),
        ("self.mass[slots] ** self.alpha", [(PRIORITY, 1, 1)]),
        ("(self.mass[slots] ** self.alpha) ** self.alpha", [(PRIORITY, 1, 2)]),
        ("self.mass.min() / self.mass.sum()", [(MINIMUM, 1, 0), (TOTAL, -1, 0)]),
        ("self.mass.max()", [(MAXIMUM, 1, 0)]),
        ("(1 / self.mass).max()", [(CONSTANT, 1, 0), (MINIMUM, -1, 0)]),
        ("p.sum()", []),
        ("p[slots] * self.mass.sum()", [(PRIORITY, 1, 0)]),
        ("self.mass[slots] + 1e-6", [(PRIORITY, 1, 0)]),
        ("self.mass[slots] + self.mass[slots]", [(UNKNOWN, 1, 0)]),
        ("0.9 * p[slots] + 0.1 / self.size", [(UNKNOWN, 1, 0)]),
        ("np.exp(self.mass[slots])", [(UNKNOWN, 1, 0)]),
        ("len(self.rows)", [(COUNT, 1, 0)]),
        ("2.0", [(CONSTANT, 1, 0)]),
    ],
)
def test_the_product_of_a_term(products, text, factors):
    assert products(text) == [factors]


def test_each_branch_is_a_product(products):
    assert products("p[slots] if n else self.mass[slots]") == [
        [(PRIORITY, 1, 0), (TOTAL, -1, 0)],
        [(PRIORITY, 1, 0)],
    ]


KEPT = """
    def enter(self, slot, p):
        self.mass[slot] = p
        KEPT
"""


@pytest.mark.parametrize(
    ("kept", "start", "entered", "kind"),
    [
        ("if p < self.kept:\n            self.kept = p", "1.0", "float(error)", MINIMUM),
        ("if self.kept < p:\n            self.kept = p", "1.0", "float(error)", MAXIMUM),
        ("self.kept = min(self.kept, p)", "1.0", "float(error)", MINIMUM),
        ("self.kept = max(self.kept, p)", "1.0", "float(error)", MAXIMUM),
        ("self.kept = max(self.kept, p)", "0", "self.size", COUNT),  # a number of transitions, not one of priorities
        ("if self.kept < p:\n            self.kept = p", "0", "self.size", COUNT),
        ("self.kept = p", "1.0", "float(error)", COUNT),
    ],
)
def test_an_attribute_that_follows_what_is_entered(project, kept, start, entered, kind):
    text = MEMORY.replace("alpha=0.6):\n", f"alpha=0.6):\n        self.kept = {start}\n").replace(
        "TEXT", "value = self.kept"
    )
    text = text.replace(
        "        self.mass[slots] = np.abs(errors)\n",
        "        for slot, error in zip(slots, np.abs(errors)):\n"
        f"            self.enter(slot, {entered})\n{KEPT.replace('KEPT', kept)}",
    )
    graph = project(text)
    normal = Normal(graph.anatomy(graph.buffers[0]))
    (path,) = graph.project.modules
    node = [n for n in ir.walk(*graph.module(path).body) if isinstance(n, ir.Attr) and n.attr == "kept"][1]
    assert [f.kind for p in normal.products(graph.symbols.term(path, node)) for f in p.factors] == [kind]


def test_equal_settings_cancel_and_others_do_not():
    x, y = Product((Factor(COUNT, X),)), Product((Factor(COUNT, Y),))
    assert x.times(x.scaled(-1)).factors == ()
    assert x.times(y.scaled(-1)).exponent(COUNT) == 0
    assert len(x.times(y.scaled(-1)).factors) == 2


def test_priorities_never_cancel():
    one = Product((Factor(PRIORITY, X),))
    assert len(one.times(one.scaled(-1)).of(PRIORITY)) == 2


def test_totals_cancel_only_on_the_same_scale():
    raw, raised = Product((Factor(TOTAL, X),)), Product((Factor(TOTAL, X, 1.0, 1),))
    assert raw.times(raw.scaled(-1)).factors == ()
    assert len(raw.times(raised.scaled(-1)).factors) == 2


@pytest.mark.parametrize(("op", "alone"), [("object", True), ("draw", False), ("unknown", False)])
def test_what_differs_within_a_batch(op, alone):
    product = Product((Factor(PRIORITY, X), Factor(UNKNOWN, Term(op))))
    assert not product.is_known
    assert product.differs_by_priority is alone
