from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from per_audit.verify import statistics
from per_audit.verify.efficiency import MAX_UPDATES, WORDING, Cliffwalk, Efficiency, RareReward, UniformMemory
from per_audit.verify.results import Verdict
from per_audit.verify.run import Options, verify

ZOO = Path(__file__).with_name("zoo.py")


def judge(control, prioritised):
    return Efficiency().judge({"control": control, "prioritised": prioritised, "own_control": True}, {})


def test_faster_slower_or_neither():
    rng = np.random.default_rng(0)
    base = 1000 + rng.integers(0, 200, 20)
    faster = judge((3 * base).tolist(), base.tolist())
    assert faster.verdict is Verdict.PASS
    assert faster.message.endswith(WORDING)
    assert judge(base.tolist(), (3 * base).tolist()).verdict is Verdict.REGRESSION
    assert judge(base.tolist(), base[::-1].tolist()).verdict is Verdict.INCONCLUSIVE


def test_a_control_that_does_not_finish_decides_nothing():
    outcome = judge([MAX_UPDATES] * 5 + [5000] * 15, [500] * 20)
    assert outcome.verdict is Verdict.INCONCLUSIVE
    assert "25% of the control runs did not finish" in outcome.message


def test_the_replay_of_the_cliffwalk_is_that_of_all_action_sequences():
    walk = Cliffwalk(3)
    pairs = walk.transitions
    assert len(pairs) == 2 ** (3 + 1) - 2
    # 8 sequences of 3 actions: all act in the first state, half of them reach the second, a quarter the third.
    assert np.bincount(pairs).tolist() == [4, 4, 2, 2, 1, 1]
    assert walk.truth[4:].max() == 1.0
    assert walk.truth[:2].max() == pytest.approx((2 / 3) ** 2)


def test_uniform_draws_learn_the_truth():
    assert Cliffwalk(3).learn(UniformMemory(0), np.random.default_rng(0), prioritised=False) < 2000


def test_iqm_and_ratio():
    assert statistics.iqm(np.array([0.0, 1, 2, 3, 4, 5, 6, 100])) == pytest.approx(3.5)
    ratio, low, high = statistics.ratio_of_iqm(np.full(20, 6.0), np.full(20, 2.0), seed=0)
    assert (ratio, low, high) == (3.0, 3.0, 3.0)


def test_through_a_class():
    targets = [f"{ZOO}:Correct", f"{ZOO.with_name('mutants.py')}:Uniform"]
    found = verify(targets, Options(checks=("efficiency", "efficiency-rare-share")))
    correct, uniform = found.targets
    assert [check.verdict for check in correct.checks] == [Verdict.PASS, Verdict.NOT_PROVIDED]
    assert uniform.checks[0].verdict is Verdict.INCONCLUSIVE
    assert not found.complete


def test_the_reward_of_the_corridor_is_rare_and_found():
    task = RareReward()
    assert (len(task.transitions), task.reward[task.transitions].sum()) == (4000, 5)
    assert set(task.transitions.tolist()) == set(range(20))
    # Bellman's equation of the best policy.
    best = task.truth.reshape(-1, 2).max(axis=1)
    assert task.truth == pytest.approx(task.reward + task.gamma * task.leads_on * best[task.after])
    assert task.learn(UniformMemory(0), np.random.default_rng(0), prioritised=False, step=0.5) < 10_000
