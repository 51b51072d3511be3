from __future__ import annotations

import pytest

from per_audit.verify.results import Verdict

CHECK = "updates-take-effect"


def test_a_mutant_fails(mutant, assert_it_fails):
    assert_it_fails(mutant)


def counts(up, down):
    found = [150] * 51
    found[17], found[31] = up, down
    return found


@pytest.mark.parametrize(
    ("after", "verdict"),
    [
        (counts(600, 150), Verdict.PASS),
        (counts(150, 600), Verdict.FAIL),
        # A rise that is seen and a fall that is not.
        (counts(600, 600), Verdict.FAIL),
        # ln 1.9 is less than half of 0.6 ln 10.
        (counts(285, 150), Verdict.FAIL),
    ],
)
def test_both_directions_count(judge, after, verdict):
    assert judge({"before": counts(150, 600), "after": after}).verdict is verdict


def test_alpha_0_wants_nothing(judge):
    same = counts(150, 150)
    assert judge({"before": same, "after": same}, alpha=0.0).verdict is Verdict.NOT_PROVIDED
