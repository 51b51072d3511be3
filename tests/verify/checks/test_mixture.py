from __future__ import annotations

import numpy as np
import pytest

from per_audit.verify import statistics
from per_audit.verify.child.bench import log_grid
from per_audit.verify.results import Verdict

CHECK = "mixture"
RARE = (3, 14, 22, 35, 41)


def test_a_mutant_fails(mutant, assert_it_fails):
    assert_it_fails(mutant)


def mixed(share):
    law = (1 - share) * statistics.power_law(log_grid(50), 0.6)
    law[list(RARE)] += share / len(RARE)
    return law


def measured(drawn_by, weighed_by, betas, seed=0, shown=True):
    rng = np.random.default_rng(seed)
    rows = []
    for beta in betas:
        ids = rng.choice(50, 20, p=drawn_by)
        weights = weighed_by[ids] ** -beta
        rows.append([ids.tolist(), (weights / weights.max()).tolist(), beta if shown else None])
    return {"rows": rows}


def test_weights_of_the_law_pass_with_a_beta_that_rises(judge):
    assert judge(measured(mixed(0.25), mixed(0.25), np.linspace(0.4, 1, 400))).verdict is Verdict.PASS


@pytest.mark.parametrize("share", [0.05, 0.25])
def test_a_share_that_is_not_weighed_fails(judge, share):
    found = judge(measured(mixed(share), mixed(0.0), [0.4] * 400))
    assert found.verdict is Verdict.FAIL
    assert "rare rewards make up" in found.message


def test_an_unknown_exponent_is_fitted(judge):
    hidden = {"seed": 1, "shown": False}
    found = judge(measured(mixed(0.25), mixed(0.25), [0.7] * 400, **hidden), beta=None)
    assert found.verdict is Verdict.PASS
    found = judge(measured(mixed(0.25), mixed(0.0), [0.7] * 400, **hidden), beta=None)
    assert found.verdict is Verdict.INCONCLUSIVE


def test_with_beta_0_there_is_nothing_to_see(judge):
    assert judge(measured(mixed(0.25), mixed(0.25), [0.0] * 400)).verdict is Verdict.NOT_PROVIDED


def test_zero_weights_fail(judge):
    rows = [[[0, 1], [0.0, 1.0], 0.4]]
    assert judge({"rows": rows}).verdict is Verdict.FAIL
