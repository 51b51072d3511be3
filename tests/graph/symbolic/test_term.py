"""Terms: equality, size, alternatives."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from per_audit.facts import ir
from per_audit.graph.symbolic.term import MOST_PARTS, Term, alternatives, bounded, chosen_by, const, phi, strip

LEAVES = st.one_of(
    st.integers(-3, 3).map(const),
    st.booleans().map(const),
    st.sampled_from([Term("field", (), ("C", "x")), Term("param", (), ("f", "y")), Term("unknown")]),
)
TERMS = st.recursive(
    LEAVES,
    lambda inner: st.builds(
        lambda op, args: Term(op, tuple(args)),
        st.sampled_from(["add", "mul", "abs", "tuple", "pow"]),
        st.lists(inner, min_size=1, max_size=3),
    ),
    max_leaves=12,
)


def copy(term):
    return Term(term.op, tuple(copy(arg) for arg in term.args), term.data, ir.Name(1, 2, "n"), "other.py")


@given(TERMS)
def test_a_term_equals_another_that_computes_the_same_wherever_it_stands(term):
    assert copy(term) == term
    assert hash(copy(term)) == hash(term)
    assert term.contains(copy(term))


@given(TERMS, TERMS)
def test_terms_that_differ_in_operator_or_argument_differ(a, b):
    assert Term("add", (a, b)) != Term("sub", (a, b))
    assert (Term("sub", (a, b)) == Term("sub", (b, a))) == (a == b)


def test_numbers_and_truth_values_differ():
    assert const(1) != const(True)
    assert const(1).number == 1.0
    assert const(True).number is None


@given(TERMS)
def test_size_counts_the_parts(term):
    assert term.size == sum(1 for _ in term.walk())


@given(st.lists(TERMS, min_size=1, max_size=9))
def test_alternatives_are_flat_and_each_is_there_once(terms):
    joined = phi(terms)
    options = alternatives(joined)
    assert all(option.op != "phi" for option in options)
    assert len(set(options)) == len(options)
    if joined.op != "unknown":
        assert set(options) <= {o for term in terms for o in alternatives(term)}


def test_one_alternative_is_no_alternative():
    assert phi([const(1), const(1)]) == const(1)


def test_what_fills_an_array_is_stripped_as_well():
    value = Term("mean", (const(1),))
    filled = Term("filled", (Term("alloc", (const(4),)), Term("detach", (value,))))
    assert strip(Term("element", (filled,))) == value


def test_a_list_that_was_filled_is_not_also_the_empty_one():
    filled = Term("collect", (const(1),))
    assert phi([Term("tuple"), filled]) == filled


def test_what_grows_too_large_keeps_the_random_calls_it_depends_on():
    node = ir.Name(0, 1, "draw")
    term = Term("draw", (), node)
    for _ in range(MOST_PARTS):
        term = bounded(Term("add", (term, const(1))))
    assert term.size <= MOST_PARTS
    assert chosen_by(term) == (Term("draw", (), node),)


@given(TERMS)
def test_a_change_of_nothing_gives_the_term_itself(term):
    assert term.mapped(lambda part: None) is term


def test_a_change_replaces_the_outermost_part_that_it_fits():
    inner = Term("abs", (const(1),))
    term = Term("add", (inner, Term("abs", (inner,))))
    assert term.mapped(lambda part: const(0) if part.op == "abs" else None) == Term("add", (const(0), const(0)))


@pytest.mark.parametrize("op", ["detach", "reshape", "unsqueeze", "squeeze", "stack", "collect", "element"])
def test_forms_are_stripped(op):
    assert strip(Term(op, (Term("detach", (const(3),)),))) == const(3)


def test_the_operators_of_a_term_are_known_without_looking_at_its_parts():
    term = Term("add", (Term("mul", (const(1), Term("mass", (), "m"))), Term("unknown")))
    assert term.has("mass")
    assert term.has("draw", "mul")
    assert not term.has("draw", "found")
    assert term.first("mass") == Term("mass", (), "m")
    assert term.first("draw") is None
    assert term.contains(Term("mul", (const(1), Term("mass", (), "m"))))
    assert not term.contains(Term("mul", (const(2), Term("mass", (), "m"))))
    assert not term.args[0].contains(term)


@given(TERMS, TERMS)
def test_a_part_is_found_as_if_each_part_was_looked_at(term, other):
    assert term.contains(other) == any(part == other for part in term.walk())
    assert all(term.contains(part) for part in term.walk())


@given(TERMS, st.sampled_from(["add", "mul", "abs", "const", "field"]))
def test_the_first_part_with_an_operator_is_the_outermost_and_leftmost(term, op):
    assert term.first(op) is next((part for part in term.walk() if part.op == op), None)
