from __future__ import annotations

import pytest

from per_audit.verify.results import Verdict

CHECK = "stale-handle"


def test_a_mutant_fails(mutant, assert_it_fails):
    assert_it_fails(mutant)


@pytest.mark.parametrize(
    ("before", "ratio", "unique", "verdict"),
    [
        (1.2, 1.3, True, Verdict.PASS),
        (1.2, 5.0, True, Verdict.FAIL),
        # Plain slots promise nothing.
        (1.2, 5.0, False, Verdict.NOT_PROVIDED),
        # It was uneven before.
        (4.0, 5.0, True, Verdict.NOT_PROVIDED),
    ],
)
def test_only_handles_that_promise_it_can_fail(judge, before, ratio, unique, verdict):
    assert judge({"before": before, "ratio": ratio, "unique": unique}).verdict is verdict


def test_refusing_is_as_good(judge):
    assert judge({"refused": True}).verdict is Verdict.PASS
