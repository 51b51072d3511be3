"""Sound buffers pass every check; each check has its mutants (tests/verify/checks)."""

from __future__ import annotations

from pathlib import Path

import pytest

from per_audit.verify.check import Check
from per_audit.verify.checks import discover
from per_audit.verify.results import Verdict
from per_audit.verify.run import Options, verify

from .mutants import FAULTS
from .zoo import SOUND

ZOO = Path(__file__).with_name("zoo.py")


@pytest.fixture(scope="module")
def sound():
    found = verify([f"{ZOO}:{name}" for name in SOUND], Options(efficiency="off"))
    assert found.complete
    return dict(zip(SOUND, found.targets, strict=True))


@pytest.mark.parametrize("name", SOUND)
def test_a_sound_buffer_passes(sound, name):
    verdicts = {check.check: check.verdict for check in sound[name].checks}
    allowed = {"rare-events", "stale-handle", "specification-script"}
    bad = {k: v for k, v in verdicts.items() if v is not Verdict.PASS and k not in allowed}
    assert not bad
    assert not set(verdicts.values()) & {Verdict.FAIL, Verdict.ERROR}
    assert set(verdicts) == {check.name for check in discover().values() if not check.of_projects}


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


def test_loss_adjusted_replay_is_driven_above_its_minimum_and_needs_no_weights():
    target = "experience_replay_optimizer:LapReplayBuffer"
    (found,) = verify([target], Options(efficiency="off")).targets
    verdicts = {check.check: check.verdict for check in found.checks}
    assert not set(verdicts.values()) & {Verdict.FAIL, Verdict.ERROR, Verdict.INCONCLUSIVE}
    assert verdicts["frequencies"] is verdicts["updates-take-effect"] is Verdict.PASS
    unprovided = {"weights", "mixture", "rare-events", "specification-script"}
    assert {name for name, verdict in verdicts.items() if verdict is Verdict.NOT_PROVIDED} == unprovided


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


def test_every_check_that_can_fail_has_a_mutant():
    never = {check.name for check in discover().values() if "never fails" in check.error_rate}
    assert set(discover()) - never == {check for check, _ in FAULTS.values()}
