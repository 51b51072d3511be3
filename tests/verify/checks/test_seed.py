from __future__ import annotations

import pytest

from per_audit.verify.results import Verdict

CHECK = "seed"


def test_a_mutant_fails(mutant, assert_it_fails):
    assert_it_fails(mutant)


@pytest.mark.parametrize(
    ("again", "other", "verdict"),
    [
        ([1, 2, 3], [3, 2, 1], Verdict.PASS),
        ([1, 2, 4], [3, 2, 1], Verdict.FAIL),
        ([1, 2], [3, 2, 1], Verdict.FAIL),
        ([1, 2, 3], [1, 2, 3], Verdict.FAIL),
    ],
)
def test_equal_seeds_and_others(judge, again, other, verdict):
    measured = {"first": [1, 2, 3], "again": again, "other": other, "global": [1, 2, 3], "takes": True}
    assert judge(measured).verdict is verdict
