"""The degree of alpha: which exponents a value was raised to, and from what it started."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from per_audit.facts import extract
from per_audit.graph import link
from per_audit.graph.symbolic.degree import OPEN, RAW, STORED, Chain, Exponents, is_alpha, same_alpha
from per_audit.graph.symbolic.term import Term, const

SYMBOLS = link([extract("main.py", b"x = 1\n")]).symbols
ALPHA, POWER, BETA = (Term("global", data=("main.py", name)) for name in ("alpha", "power", "beta"))
ERROR = Term("sub", (Term("call", data="net"), Term("call", data="target")))
PRIORITY = Term("at", (Term("global", data=("main.py", "priorities")), Term("draw")))
EXPONENTS = [ALPHA, POWER, const(0.6)]


def chains(term):
    return Exponents(SYMBOLS, lambda part: part == PRIORITY).of(term)


def degree(term):
    (chain,) = chains(term)
    return chain.start, chain.exponents


# What changes neither the start nor the exponents.
SCALINGS = st.sampled_from(
    [
        lambda t: Term("abs", (t,)),
        lambda t: Term("neg", (t,)),
        lambda t: Term("add", (t, const(1e-6))),
        lambda t: Term("add", (const(0.1), t)),
        lambda t: Term("mul", (const(3), t)),
        lambda t: Term("div", (t, const(4))),
        lambda t: Term("clip", (t, const(0), const(1))),
        lambda t: Term("maximum", (t, const(1))),
        lambda t: Term("mean", (t,)),
        lambda t: Term("pow", (t, const(2))),
        lambda t: Term("pow", (t, const(0.5))),
        lambda t: Term("phi", (t, const(1.0))),
        lambda t: Term("mul", (Term("pow", (POWER, BETA)), t)),
        lambda t: Term("add", (t, Term("global", data=("main.py", "epsilon")))),
    ]
)
STEPS = st.lists(st.one_of(SCALINGS, st.sampled_from(EXPONENTS)), max_size=8)


@given(st.sampled_from([(ERROR, RAW), (PRIORITY, STORED)]), STEPS)
def test_each_power_adds_its_exponent_and_nothing_else_does(base, steps):
    (term, start), expected = base, []
    for step in steps:
        if isinstance(step, Term):
            expected.append(step)
            term = Term("pow", (term, step))
        else:
            term = step(term)
    assert degree(term) == (start, tuple(expected))


@given(st.sampled_from([ERROR, PRIORITY]), st.sampled_from(EXPONENTS), STEPS)
def test_the_inverse_power_takes_the_last_one_back(base, exponent, steps):
    term = base
    for step in steps:
        term = Term("pow", (term, step)) if isinstance(step, Term) else step(term)
    raised = Term("pow", (term, exponent))
    assert degree(Term("pow", (raised, Term("div", (const(1), exponent))))) == degree(term)


@given(STEPS)
def test_the_powers_themselves_are_kept_beside_their_exponents(steps):
    term = ERROR
    for step in steps:
        term = Term("pow", (term, step)) if isinstance(step, Term) else step(term)
    (chain,) = chains(term)
    assert [power.args[1] for power in chain.raised] == list(chain.exponents)
    assert all(power.op == "pow" for power in chain.raised)


def test_an_error_to_the_inverse_alone_is_still_one():
    assert degree(Term("pow", (ERROR, Term("div", (const(1), ALPHA))))) == (RAW, ())


def test_a_constant_stands_for_itself_on_every_scale():
    assert chains(const(1.0)) == frozenset()
    assert chains(Term("pow", (const(1.0), ALPHA))) == frozenset()


def test_all_stored_priorities_raised_and_divided_by_their_sum_are_no_setting():
    array = Term("field", data=("Memory", "priorities"))
    raised = Term("pow", (array, ALPHA))
    (chain,) = Exponents(SYMBOLS, lambda part: part == array).of(Term("div", (raised, Term("sum", (raised,)))))
    assert (chain.start, chain.exponents) == (STORED, (ALPHA,))


def test_alternatives_are_told_apart():
    raised = Term("pow", (ERROR, ALPHA))
    found = {(chain.start, chain.exponents) for chain in chains(Term("phi", (raised, ERROR, PRIORITY)))}
    assert found == {(RAW, (ALPHA,)), (RAW, ()), (STORED, ())}


def test_weights_made_of_stored_priorities_are_no_scale_of_the_error():
    weights = Term("pow", (PRIORITY, Term("neg", (BETA,))))
    assert degree(Term("mul", (weights, Term("abs", (ERROR,))))) == (RAW, ())


def test_what_cannot_be_followed_is_open():
    assert degree(Term("call", data="rank")) == (OPEN, ())
    assert degree(Term("pow", (ERROR, Term("neg", (BETA,))))) == (OPEN, ())


def test_very_many_ways_are_open():
    ways = [Term("pow", (ERROR, const(0.5 + number / 100))) for number in range(1, 20)]
    assert degree(Term("phi", tuple(ways))) == (OPEN, ())


@pytest.mark.parametrize(
    ("exponent", "known"),
    [
        (ALPHA, True),
        (BETA, True),
        (const(0.6), True),
        (const(0.5), False),
        (const(2), False),
        (const(1), False),
        (const(0), False),
        (const(-0.6), False),
        (Term("neg", (BETA,)), False),
        (Term("detach", (ALPHA,)), True),
    ],
)
def test_an_exponent_between_zero_and_one(exponent, known):
    assert is_alpha(exponent) is known


@pytest.mark.parametrize(
    ("a", "b", "known"),
    [
        (ALPHA, ALPHA, True),
        (ALPHA, Term("param", data=("f", "per_alpha")), True),
        (ALPHA, const(0.6), True),
        (ALPHA, Term("neg", (ALPHA,)), True),
        (POWER, POWER, True),
        (const(0.6), const(0.6), True),
        (POWER, const(0.6), False),
        (const(0.6), const(0.7), False),
        (ALPHA, BETA, False),
        (ALPHA, Term("global", data=("main.py", "alphabet")), False),
    ],
)
def test_the_same_setting(a, b, known):
    assert same_alpha(a, b) is same_alpha(b, a) is known


@pytest.mark.parametrize(
    ("given_", "more", "known"),
    [
        ((ALPHA, ALPHA), (), True),
        ((ALPHA, BETA), (), False),
        ((ALPHA,), (ALPHA,), True),
        ((ALPHA, POWER), (POWER,), True),
        ((ALPHA,), (), False),
        ((), (ALPHA,), False),
    ],
)
def test_alpha_twice(given_, more, known):
    assert Chain(RAW, given_).repeated(more) is known


def test_fields_are_followed_to_what_they_hold(project):
    graph = project(
        """
        class Memory:
            def __init__(self, alpha):
                self.alpha = alpha
                self.last = 1.0

            def note(self, a, b):
                self.last = abs(a - b) ** self.alpha

            def show(self):
                return self.last
        """
    )
    (show,) = [function for function in graph.project.functions if function.name == "show"]
    term = graph.symbols.term("main.py", show.body[0].value)
    (chain,) = Exponents(graph.symbols, lambda part: False).of(term)
    assert (chain.start, len(chain.exponents)) == (RAW, 1)
