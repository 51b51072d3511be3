from __future__ import annotations

from per_audit.verify.results import Verdict

CHECK = "reach"


def test_a_mutant_fails(mutant, assert_it_fails):
    assert_it_fails(mutant)


def test_one_missing_slot_is_enough(judge):
    full, part = [80] * 50 + [0], [130] * 30 + [0]
    assert judge({"full": full, "part": part}).verdict is Verdict.PASS
    found = judge({"full": full, "part": [0, *part[1:]]})
    assert (found.verdict, found.statistic) == (Verdict.FAIL, 1)
    assert found.message == "a buffer with 30 of 50 slots filled never drew 1 of 30 items (by order of insertion: 0)"
    assert judge({"full": [*full[:50], 1], "part": part}).message == "a full buffer drew an empty slot 1 times"


def test_the_next_to_be_overwritten_may_be_left_out(judge):
    full, part = [0, *[80] * 49, 0], [130] * 30 + [0]
    found = judge({"full": full, "part": part})
    assert (found.verdict, found.statistic) == (Verdict.INCONCLUSIVE, 1)
    assert judge({"full": full, "part": [0, *part[1:]]}).verdict is Verdict.FAIL
    assert judge({"full": [0, 0, *full[2:]], "part": part}).verdict is Verdict.FAIL


def test_what_has_no_next_observation_yet_may_be_left_out(judge):
    counts = [80] * 50
    full, part = [*counts[:48], 0, 0, 0], [*counts[:29], 0, 0]
    outcome = judge({"full": full, "part": part}, finds_successors=True)
    assert outcome.verdict is Verdict.INCONCLUSIVE
    assert "no next observations" in outcome.message
    assert judge({"full": full, "part": part}).verdict is Verdict.FAIL
    # An empty slot is none of them, and neither is what lies in the middle.
    assert judge({"full": [*full[:-1], 3], "part": part}, finds_successors=True).verdict is Verdict.FAIL
    full[20] = 0
    assert judge({"full": full, "part": part}, finds_successors=True).verdict is Verdict.FAIL
