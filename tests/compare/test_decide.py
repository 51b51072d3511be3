from __future__ import annotations

import numpy as np
import pytest

from per_audit.compare import decide


@pytest.fixture
def fewer(monkeypatch):
    """Less work a comparison, at the same rates."""
    monkeypatch.setattr(decide, "_PERMUTATIONS", 9_999)
    monkeypatch.setattr(decide, "_RESAMPLES", 999)


def test_equal_arms_are_claimed_to_differ_as_rarely_as_is_said(fewer):
    """Exchangeable pairs of several forms: heavy tails, ties, two clusters, seeds that tie the arms together."""
    rng = np.random.default_rng(5)
    claims = 0
    for number in range(200):
        shared = rng.normal(0.0, 3.0, 20)
        pair = [
            lambda: rng.standard_cauchy(20),
            lambda: rng.integers(0, 3, 20).astype(float),
            lambda: np.where(rng.random(20) < 0.5, 0.0, 500.0),
            lambda shared=shared: shared + rng.normal(0.0, 0.1, 20),
        ][number % 4]
        claims += decide.difference(pair(), pair()).p <= decide.CLAIM
    assert claims == 0


def test_p_values_of_equal_arms_are_uniform(fewer):
    rng = np.random.default_rng(7)
    found = [decide.difference(rng.normal(size=12), rng.normal(size=12)).p for _ in range(200)]
    assert 0.02 <= np.mean(np.array(found) <= 0.1) <= 0.18
    assert 0.4 <= np.mean(np.array(found) <= 0.5) <= 0.6


def test_a_large_difference_is_found():
    rng = np.random.default_rng(1)
    before = rng.normal(0.0, 1.0, 20)
    told = decide.difference(before, rng.normal(2.0, 1.0, 20))
    assert told.p <= decide.CLAIM
    assert told.interval.low is not None
    assert 1.0 < told.interval.low < told.interval.value < told.interval.high < 3.0
    assert decide.difference(before, before).p == 1.0


def test_the_interval_holds_the_truth_about_as_often_as_it_says(fewer):
    rng = np.random.default_rng(3)
    held = 0
    for _ in range(100):
        found = decide.difference(rng.normal(0, 1, 20), rng.normal(1, 1, 20)).interval
        held += found.low <= 1.0 <= found.high
    assert 87 <= held <= 100


def test_few_runs_have_no_interval():
    found = decide.mean_of(np.arange(9.0))
    assert (found.value, found.low, found.high) == (4.0, None, None)
    middle, low, high = decide.band(np.array([[1.0, 2.0], [3.0, 4.0]]))
    assert middle.tolist() == low.tolist() == high.tolist() == [2.0, 3.0]


def test_the_band_holds_the_middle():
    rows = np.random.default_rng(0).normal(0.0, 1.0, (20, 3)) + np.array([0.0, 10.0, 20.0])
    middle, low, high = decide.band(rows)
    assert (low < middle).all()
    assert (middle < high).all()
    assert high - low == pytest.approx(np.full(3, 1.0), abs=0.7)
