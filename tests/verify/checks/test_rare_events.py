from __future__ import annotations

import pytest

from per_audit.verify.checks import discover
from per_audit.verify.results import Verdict

CHECK = "rare-events"


def test_a_mutant_fails(mutant, assert_it_fails):
    assert_it_fails(mutant)


@pytest.mark.parametrize(
    ("drawn", "claims", "configured", "verdict"),
    [
        ([9, 9, 9, 9, 9], False, None, Verdict.PASS),
        ([9, 9, 9, 9, 0], True, None, Verdict.FAIL),
        ([9, 9, 9, 9, 0], False, None, Verdict.INCONCLUSIVE),
        ([0, 0, 0, 0, 0], False, None, Verdict.NOT_PROVIDED),
        ([0, 0, 0, 0, 0], True, None, Verdict.INCONCLUSIVE),
        ([0, 0, 0, 0, 0], True, 0.25, Verdict.FAIL),
    ],
)
def test_what_survived_against_what_was_promised(judge, drawn, claims, configured, verdict):
    found = judge({"drawn": drawn, "claims": claims}, rare_fraction=configured)
    assert found.verdict is verdict


def test_the_picture_shows_the_five():
    picture = discover()[CHECK].picture({"drawn": [9, 0, 3, 4, 5], "claims": False}, {})
    assert [y for _, y in picture.series[0].points] == [9, 0, 3, 4, 5]
