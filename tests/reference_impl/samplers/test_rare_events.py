import math
import statistics

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from experience_replay_optimizer.samplers.rare_events import RareEventDetector, RunningMoments

rewards = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=50)


@given(rewards)
def test_moments_agree_with_two_passes(values):
    moments = RunningMoments()
    for value in values:
        moments.push(value)
    assert moments.count == len(values)
    assert moments.mean == pytest.approx(statistics.fmean(values), rel=1e-9, abs=1e-6)
    assert moments.deviation == pytest.approx(statistics.pstdev(values), rel=1e-6, abs=1e-3)


def test_huge_rewards_do_not_overflow():
    moments = RunningMoments()
    for value in (1e308, -1e308, 0.0):
        moments.push(value)
    assert math.isfinite(moments.mean)
    assert math.isfinite(moments.deviation)


def feed(detector, values):
    return [slot for at, value in enumerate(values) for slot in detector.observe(at, value)]


@pytest.mark.parametrize("mean", [-50.0, 0.0, 50.0])
@pytest.mark.parametrize("sign", [-1, 1])
def test_both_tails_around_any_mean_are_rare(mean, sign):
    values = [mean + (-1) ** at for at in range(40)]
    assert feed(RareEventDetector(), [*values, mean + 10 * sign]) == [40]


def test_rewards_during_burn_in_are_judged_together():
    values = [10.0 if at == 3 else 0.1 for at in range(20)]
    detector = RareEventDetector()
    assert feed(detector, values[:19]) == []
    assert detector.observe(19, values[19]) == [3]


def test_forgotten_slots_are_not_judged():
    detector = RareEventDetector()
    feed(detector, [10.0] + [0.1] * 18)
    detector.forget(0)
    assert detector.observe(1, 0.1) == []


def test_a_slot_rewritten_during_burn_in_is_judged_by_its_last_reward():
    detector = RareEventDetector()
    assert detector.observe(0, 10.0) == []
    assert feed(detector, [0.1] * 19) == []


@pytest.mark.parametrize("value", [0.1, -1.0, 0.0, 1e9, 1 / 3])
def test_equal_rewards_are_not_rare(value):
    assert feed(RareEventDetector(), [value] * 2000) == []


def test_the_first_reward_that_differs_is_rare():
    assert feed(RareEventDetector(), [0.0] * 100 + [1.0]) == [100]


def test_an_outlier_is_judged_by_earlier_rewards_only():
    detector = RareEventDetector()
    feed(detector, [(-1.0) ** at for at in range(30)])
    assert detector.observe(30, 3.0) == []  # exactly 3 sd
    assert detector.observe(31, 4.0) == [31]  # sd is now 1.13, and would be 1.3 with itself


def test_what_the_caller_decided_is_not_judged_but_counts():
    detector = RareEventDetector()
    feed(detector, [0.0] * 30)
    assert detector.observe(30, 5.0, judge=False) == []
    assert detector.moments.count == 31
    early = RareEventDetector()
    early.observe(0, 10.0, judge=False)
    assert feed(early, [0.1] * 19) == []


@given(
    st.lists(st.floats(-1e3, 1e3) | st.sampled_from([0.0, 1.0, 5e4]), min_size=20, max_size=120),
    st.integers(1, 40),
)
@settings(deadline=None)
def test_rewards_that_come_together_are_judged_as_those_that_come_alone(rewards, together):
    alone, batched = RareEventDetector(), RareEventDetector()
    for slot, reward in enumerate(rewards[:20]):
        alone.observe(slot, reward)
        batched.observe(slot, reward)
    assert batched.ready
    for start in range(20, len(rewards), together):
        part = rewards[start : start + together]
        found = batched.observe_many(np.array(part))
        one_by_one = [bool(alone.observe(0, reward)) for reward in part]
        assert (found is not None) == any(one_by_one)
        if found is not None:
            assert found.tolist() == one_by_one
        assert batched.moments.count == alone.moments.count
        assert batched.moments.mean == pytest.approx(alone.moments.mean, rel=1e-9, abs=1e-9)
        assert batched.moments.deviation == pytest.approx(alone.moments.deviation, rel=1e-6, abs=1e-6)


def test_rewards_whose_squares_overflow_are_rare_and_do_no_harm():
    detector = RareEventDetector()
    for slot in range(20):
        detector.observe(slot, 1.0)
    assert detector.observe_many(np.array([1.0, 1e300, 1.0])).tolist() == [False, True, False]
    assert math.isfinite(detector.moments.deviation)
