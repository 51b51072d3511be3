"""Each faulty buffer of the zoo fails the check that names its fault; sound ones pass everything."""

from __future__ import annotations

from pathlib import Path

import pytest

from per_audit.verify.check import Check
from per_audit.verify.checks import discover
from per_audit.verify.results import Verdict
from per_audit.verify.run import Options, verify

ZOO = Path(__file__).with_name("zoo.py")

FAULTS = {
    "AlphaTwice": ("frequencies", "the exponent is applied twice"),
    "AlphaOne": ("frequencies", "alpha = 1.0"),
    "Uniform": ("frequencies", "they are uniform"),
    "OffByOneLeaf": ("frequencies", "do not follow the priorities"),
    "HalfTheUpdatesLost": ("frequencies", "do not follow the priorities"),
    "UpdatesOfOddSlotsLost": ("frequencies", "do not follow the priorities"),
    "OneStaleLeaf": ("frequencies", "item 13"),
    "RankBasedWithOtherAlpha": ("frequencies", "do not follow the priorities"),
    "SignedTd": ("frequencies", "take its magnitude"),
    "SignedTdBreaks": ("frequencies", "take its magnitude"),
    "LastLeafNeverDrawn": ("reach", "never drew 1 of 50 items (by order of insertion: 49)"),
    "DrawsEmptySlots": ("reach", "drew an empty slot"),
    "WeightsAreProbabilities": ("weights", "they grow with the probability"),
    "RankBasedWithWeightsByPriority": ("weights", "weights go with P^-0.2"),
    "WeightsAllOne": ("weights", "do not correct the bias at all"),
    "ZeroWeightsWhenPartFilled": ("weights", "a part-filled buffer: weights are zero"),
    "WeightsByCapacity": ("weights", "is not the number of stored items"),
    "UpdatesIgnored": ("updates-take-effect", "do not change the draws"),
    "NewItemsLow": ("new-items", "do not get the largest priority"),
    "NewItemsAlwaysOne": ("new-items", "do not get the largest priority"),
    "NoEpsilon": ("poison", "TD error 0"),
    "KeepsNan": ("poison", "TD error nan"),
    "Leak": ("memory", "bytes an addition"),
    "Unbounded": ("memory", "nothing is ever overwritten"),
    "Unseeded": ("seed", "cannot be reproduced"),
    "SeedIgnored": ("seed", "the seed argument is ignored"),
    "SameDrawsForAnySeed": ("seed", "another seed gives the very same draws"),
    "Drifts": ("drift", "the root of the sum tree is off"),
    "LosesSomeRare": ("rare-events", "2 of 5 rare events were overwritten"),
}
SOUND = ["Correct", "WeightsUndivided", "ProtectsRare", "Generations", "WithoutReplacement", "RankBased"]


@pytest.fixture(scope="module")
def faulty():
    """Every faulty buffer under the check that names its fault: one child a buffer, side by side."""
    by_check: dict[str, list[str]] = {}
    for name, (check, _) in FAULTS.items():
        by_check.setdefault(check, []).append(name)
    results = {}
    for check, names in by_check.items():
        found = verify([f"{ZOO}:{name}" for name in names], Options(checks=(check,)))
        results.update({name: target.checks[0] for name, target in zip(names, found.targets, strict=True)})
    return results


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_fails_its_check(faulty, name):
    check, words = FAULTS[name]
    result = faulty[name]
    assert (result.check, result.verdict) == (check, Verdict.FAIL), result.message
    assert words in result.message


@pytest.fixture(scope="module")
def sound():
    found = verify([f"{ZOO}:{name}" for name in SOUND], Options(efficiency="off"))
    assert found.complete
    return dict(zip(SOUND, found.targets, strict=True))


@pytest.mark.parametrize("name", SOUND)
def test_a_sound_buffer_passes(sound, name):
    verdicts = {check.check: check.verdict for check in sound[name].checks}
    allowed = {"rare-events", "stale-handle", "specification-script"}
    assert all(v is Verdict.PASS or (v is Verdict.NOT_PROVIDED and k in allowed) for k, v in verdicts.items()), verdicts
    assert sound[name].verdict is Verdict.PASS
    assert set(verdicts) == set(discover())


def test_what_only_some_provide(sound):
    def verdict(name, check):
        return next(result.verdict for result in sound[name].checks if result.check == check)

    assert verdict("Correct", "rare-events") is Verdict.NOT_PROVIDED
    assert verdict("ProtectsRare", "rare-events") is Verdict.PASS
    assert verdict("Correct", "stale-handle") is Verdict.NOT_PROVIDED
    assert verdict("Generations", "stale-handle") is Verdict.PASS
    assert verdict("Correct", "specification-script") is Verdict.NOT_PROVIDED


def test_rank_based_replay_is_named(sound):
    (found,) = [result for result in sound["RankBased"].checks if result.check == "frequencies"]
    assert found.message.startswith("drawn by rank, (1/rank)^0.6")


def test_the_same_seed_gives_the_same_verification():
    def run(seed):
        found = verify([f"{ZOO}:Correct"], Options(checks=("frequencies", "new-items"), seed=seed))
        return [check.statistic for check in found.targets[0].checks]

    assert run(3) == run(3) != run(4)


@pytest.mark.parametrize("check", discover().values(), ids=lambda check: check.name)
def test_every_check_is_documented(check):
    assert isinstance(check, Check)
    assert len(check.__doc__.splitlines()[0]) > 30
    assert all((check.name, check.statistic, check.error_rate, check.blind_spot))
    assert check.relation in ("<=", ">=")
    page = Path(__file__).parents[2].joinpath("docs", "verification.md").read_text("utf-8")
    assert f"`{check.name}`" in page
