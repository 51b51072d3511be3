from __future__ import annotations

import numpy as np
import pytest

from per_audit.verify.check import NotProvided
from per_audit.verify.checks.as_configured import AsConfigured
from per_audit.verify.child.bench import Bench, log_grid
from per_audit.verify.results import Verdict

CHECK = "as-configured"


def test_a_mutant_fails(mutant, assert_it_fails):
    assert_it_fails(mutant)


def measured(**changed):
    td = log_grid(50)
    shares = td**0.6 / (td**0.6).sum()
    few = {"td": td.tolist(), "updates": True, "unreached": [], "batch": 8, "counts": (8000 * shares).tolist()}
    filled = {"stored": 1000, "over": 250, "blocks": [400] * 20, "other": 0}
    few |= {"empty": 0, "betas": [0.4, 1.0], "capacity": 1000, "configured": 1000, "pace": 0.001, "filled": filled}
    return {**few, **changed}


def test_what_is_as_it_must_be(judge):
    found = judge(measured())
    assert found.verdict is Verdict.PASS
    assert "with room for 1,000: 50 and 1,000 stored" in found.message
    assert "beta went from 0.4 to 1" in found.message


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"empty": 1}, "empty slots were drawn"),
        ({"betas": [0.4, 1.01]}, "beta grows beyond 1"),
        ({"filled": {"stored": 1000, "over": 250, "blocks": [400] * 20, "other": 3}}, "overwritten slots"),
        (
            {"filled": {"stored": 1000, "over": 250, "blocks": [421] * 19 + [1], "other": 0}},
            "the 50 transitions from number 950 on are drawn 0.00 times",
        ),
        ({"counts": [160] * 50}, "they are uniform"),
    ],
)
def test_what_is_not(judge, changed, words):
    found = judge(measured(**changed))
    assert found.verdict is Verdict.FAIL
    assert words in found.message


def test_a_smaller_buffer_than_the_project_has_is_named(judge):
    found = judge(measured(configured=1_000_000, pace=0.02))
    assert "with room for 1,000 (1,000,000 in the project, where a draw takes 20 ms)" in found.message


def test_blocks_of_a_buffer_without_priorities_prove_nothing(judge):
    uneven = {"stored": 1000, "over": 0, "blocks": [200] * 10 + [600] * 10, "other": 0}
    found = judge(measured(updates=False, counts=[160] * 50, filled=uneven), updates=False)
    assert found.verdict is Verdict.INCONCLUSIVE


def test_a_buffer_without_priorities_passes(judge):
    found = judge(measured(updates=False, counts=[160] * 50), updates=False, alpha=None)
    assert found.verdict is Verdict.PASS


def test_without_a_capacity_there_is_nothing_to_see():
    with pytest.raises(NotProvided, match="capacity"):
        AsConfigured().probe(Bench(lambda _: None, {"configured_capacity": None}, 0, np.ndarray))
