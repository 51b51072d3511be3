from __future__ import annotations

import pytest

from per_audit.verify.results import Verdict

CHECK = "new-items"


def test_a_mutant_fails(mutant, assert_it_fails):
    assert_it_fails(mutant)


@pytest.mark.parametrize(
    ("new", "old", "verdict"),
    [(300, 300, Verdict.PASS), (600, 10, Verdict.PASS), (260, 300, Verdict.PASS), (200, 320, Verdict.FAIL)],
)
def test_as_often_as_the_top_one(judge, new, old, verdict):
    first = {"top": 0.9, "new": 300, "old": 300, "seen": 8}
    assert judge({"rounds": [first, {"top": 5.0, "new": new, "old": old, "seen": 8}]}).verdict is verdict


def test_an_item_that_is_never_seen_fails(judge):
    found = judge({"rounds": [{"top": 0.9, "new": 0, "old": 300, "seen": None}]})
    assert found.verdict is Verdict.FAIL
    assert "was not seen" in found.message
