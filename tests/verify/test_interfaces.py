"""Buffers of notebooks and tutorials: the defect of each is found by its name, and without it they pass."""

from __future__ import annotations

from pathlib import Path

import pytest

from per_audit.verify.results import Verdict
from per_audit.verify.run import Options, verify

INTERFACES = Path(__file__).with_name("interfaces.py")
DEFECTS = {
    "AlphaAtTheUpdate": ("frequencies", "it should be 0.6; the exponent is applied twice"),
    "WeightsForEachPart": ("mixture", "rare rewards make up"),
    "ProbabilitiesAsWeights": ("weights", "they grow with the probability"),
    "DifferencesInFloat32": ("drift", "the sum tree has drifted"),
    "RanksOfRows": ("frequencies", "they are uniform"),
}
RIGHT = [name + "Right" for name in DEFECTS if name != "WeightsForEachPart"]


@pytest.fixture(scope="module")
def found():
    names = [*DEFECTS, *RIGHT]
    targets = verify([f"{INTERFACES}:{name}" for name in names], Options(efficiency="off")).targets
    return dict(zip(names, targets, strict=True))


@pytest.mark.parametrize("name", DEFECTS)
def test_the_defect_is_found(found, name):
    check, words = DEFECTS[name]
    (result,) = [result for result in found[name].checks if result.check == check]
    assert result.verdict is Verdict.FAIL
    assert words in result.message


@pytest.mark.parametrize("name", RIGHT)
def test_without_it_every_check_passes(found, name):
    bad = [check for check in found[name].checks if check.verdict not in (Verdict.PASS, Verdict.NOT_PROVIDED)]
    assert not bad
    assert {check.verdict for check in found[name].checks if check.check in ("frequencies", "weights")} == {
        Verdict.PASS
    }


def test_an_update_that_cannot_be_driven_is_no_fault(found):
    (result,) = [result for result in found["WeightsForEachPart"].checks if result.check == "frequencies"]
    assert result.verdict is Verdict.INCONCLUSIVE
    assert "update_priorities() could not be called" in result.message
