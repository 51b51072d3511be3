from __future__ import annotations

import numpy as np
import pytest

from per_audit.verify import statistics
from per_audit.verify.checks.drift import _gap
from per_audit.verify.child.bench import log_grid
from per_audit.verify.results import Verdict

CHECK = "drift"
TD = log_grid(50)


def test_a_mutant_fails(mutant, assert_it_fails):
    assert_it_fails(mutant)


def measured(gap, after, seed=0):
    rng = np.random.default_rng(seed)
    before = rng.multinomial(8000, statistics.power_law(TD, 0.6))
    counts = rng.multinomial(8000, after)
    return {"missed": 0, "gap": gap, "td": TD.tolist(), "before": before.tolist(), "counts": counts.tolist()}


def test_the_gap_and_the_draws_count(judge):
    same = statistics.power_law(TD, 0.6)
    assert judge(measured(1e-9, same)).verdict is Verdict.PASS
    assert judge(measured(None, same)).verdict is Verdict.PASS
    assert judge(measured(1e-3, same)).verdict is Verdict.FAIL
    assert judge(measured(float("nan"), same)).verdict is Verdict.FAIL
    found = judge(measured(None, statistics.power_law(TD, 0.4)))
    assert found.verdict is Verdict.FAIL
    assert "no longer what they were" in found.message


def test_items_that_were_never_updated_make_no_drift(judge):
    found = {**measured(None, statistics.power_law(TD, 0.4)), "missed": 2}
    assert judge(found).verdict is Verdict.INCONCLUSIVE


def test_a_law_that_was_wrong_from_the_start_is_no_drift(judge):
    uniform = np.full(50, 0.02)
    found = measured(None, uniform)
    found["before"] = np.random.default_rng(5).multinomial(8000, uniform).tolist()
    assert judge(found).verdict is Verdict.PASS


def tree(count, first):
    """A sum tree whose root has index `first`."""
    heap = np.zeros(2 * count - 1 + first)
    heap[count - 1 + first :] = np.arange(1, count + 1)
    for node in range(count - 2, -1, -1):
        heap[node + first] = heap[2 * node + 1 + first] + heap[2 * node + 2 + first]
    return heap


@pytest.mark.parametrize("first", [0, 1])
def test_an_inner_node_that_is_off_shows_though_the_root_is_right(first):
    heap = tree(64, first)
    assert _gap(heap) < 1e-12
    heap[3 + first] += 0.01 * heap[first]
    assert _gap(heap) == pytest.approx(0.01)


def test_what_is_no_sum_tree():
    assert _gap(np.zeros(127)) == 1.0
    assert _gap(np.ones(128)) > 0.1
