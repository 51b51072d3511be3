"""Estimates of what a memory costs."""

import pytest

from per_audit.facts import extract, ir
from per_audit.graph.memory import costs


@pytest.mark.parametrize(
    ("microseconds", "text"),
    [
        (0.275, "about 0.28 µs"),
        (8.8, "about 8.8 µs"),
        (352, "about 350 µs"),
        (6_300, "about 6.3 ms"),
        (125_000, "about 120 ms"),
    ],
)
def test_estimates_for_people(microseconds, text):
    assert costs.spelled(microseconds) == text


def test_reads_out_of_a_deque_cost_by_its_length():
    assert costs.of_read(1_000_000) == pytest.approx(20 * costs.of_read(50_000))


@pytest.mark.parametrize(
    ("text", "expected"),
    [("p.max()", 10.0), ("np.min(p)", 10.0), ("max(p)", 1_250.0), ("sorted(p)", None), ("p[0]", None)],
)
def test_a_maximum_costs_by_who_looks_for_it(text, expected):
    (statement,) = extract("a.py", text.encode()).body
    assert isinstance(statement, ir.Do)
    assert costs.of_maximum(statement.value, 100_000) == (expected and pytest.approx(expected))


def test_draws_that_were_measured():
    assert costs.of_draw("choice", 1_000_000) == pytest.approx(6_300)
    assert costs.of_draw("permutation", 1_000_000) is None
