from __future__ import annotations

import numpy as np

from per_audit.verify import statistics
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
    return {"gap": gap, "td": TD.tolist(), "before": before.tolist(), "counts": counts.tolist()}


def test_the_gap_and_the_draws_count(judge):
    same = statistics.power_law(TD, 0.6)
    assert judge(measured(1e-9, same)).verdict is Verdict.PASS
    assert judge(measured(None, same)).verdict is Verdict.PASS
    assert judge(measured(1e-3, same)).verdict is Verdict.FAIL
    assert judge(measured(float("nan"), same)).verdict is Verdict.FAIL
    found = judge(measured(None, statistics.power_law(TD, 0.4)))
    assert found.verdict is Verdict.FAIL
    assert "no longer what they were" in found.message


def test_a_law_that_was_wrong_from_the_start_is_no_drift(judge):
    uniform = np.full(50, 0.02)
    found = measured(None, uniform)
    found["before"] = np.random.default_rng(5).multinomial(8000, uniform).tolist()
    assert judge(found).verdict is Verdict.PASS
