from __future__ import annotations

import re

import numpy as np
import pytest

from per_audit.verify import statistics
from per_audit.verify.checks import discover
from per_audit.verify.child.bench import log_grid
from per_audit.verify.results import Verdict

CHECK = "frequencies"
TD = log_grid(50)


def test_a_mutant_fails(mutant, assert_it_fails):
    assert_it_fails(mutant)


def drawn(law, seed=0, draws=8000):
    counts = np.random.default_rng(seed).multinomial(draws, law)
    return {"batch": 8, "td": TD.tolist(), "updates": True, "unreached": [], "counts": counts.tolist()}


def test_the_law_passes_and_others_do_not(judge):
    assert judge(drawn(statistics.power_law(TD, 0.6))).verdict is Verdict.PASS
    for law, words in (
        (statistics.power_law(TD, 0.36), "the exponent is applied twice"),
        (statistics.power_law(TD, 1.0), "it should be 0.6"),
        (np.full(50, 0.02), "they are uniform"),
        (np.roll(statistics.power_law(TD, 0.6), 1), "times its share"),
    ):
        found = judge(drawn(law))
        assert found.verdict is Verdict.FAIL
        assert words in found.message


def test_the_fitted_alpha_of_a_double_exponent(judge):
    found = judge(drawn(statistics.power_law(TD, 0.36)))
    alpha, half = re.search(r"alpha = (\S+) \+- (\S+) \(99 %\), it should be 0\.6", found.message).groups()
    assert abs(float(alpha) - 0.36) < float(half) < 0.06


def test_a_recent_share_is_part_of_the_law(judge):
    facts = {"recent_fraction": 0.2, "recent_size": 0.2}
    law = statistics.mixture(TD, {"alpha": 0.6, "epsilon": None, **facts}, 8)
    assert judge(drawn(law), **facts).verdict is Verdict.PASS
    assert judge(drawn(statistics.power_law(TD, 0.6)), **facts).verdict is Verdict.FAIL


@pytest.mark.parametrize(("alpha", "verdict"), [(0.7, "PASS"), (0.0, "FAIL")])
def test_without_a_known_alpha_any_power_passes_but_none_at_all(judge, alpha, verdict):
    assert judge(drawn(statistics.power_law(TD, alpha)), alpha=None).verdict.value == verdict


def test_without_updates_uniform_draws_are_wanted(judge):
    even = {**drawn(np.full(50, 0.02)), "updates": False}
    assert judge(even).verdict is Verdict.PASS
    assert judge({**drawn(statistics.power_law(TD, 0.6)), "updates": False}).verdict is Verdict.INCONCLUSIVE
    found = judge(even, undriven="set_priorities")
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "set_priorities() could not be called" in found.message


def test_the_picture_shows_the_draws_against_the_law():
    check = discover()[CHECK]
    facts = {"alpha": 0.6, "epsilon": None, "recent_fraction": None}
    picture = check.picture(drawn(statistics.power_law(TD, 0.6)), facts)
    measured, expected = picture.series
    assert len(measured.points) == len(expected.points) == 50
    assert all(abs(a[1] / b[1] - 1) < 0.5 for a, b in zip(measured.points, expected.points, strict=True))
    assert [series.name for series in check.picture(drawn(np.full(50, 0.02)), {**facts, "alpha": None}).series] == [
        "drawn"
    ]
