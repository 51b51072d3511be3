from __future__ import annotations

from per_audit.verify.results import Verdict

CHECK = "poison"


def test_a_mutant_fails(mutant, assert_it_fails):
    assert_it_fails(mutant)


def test_any_harm_fails(judge):
    harmless = {"0": None, "nan": None, "inf": None, "-inf": None}
    assert judge(harmless).verdict is Verdict.PASS
    found = judge({**harmless, "inf": "one item takes 97% of the draws"})
    assert (found.verdict, found.statistic) == (Verdict.FAIL, 1)
    assert found.message == "TD error inf: one item takes 97% of the draws"
    assert judge({**harmless, "0": "gone"}, takes="priority").message == "priority 0: gone"
