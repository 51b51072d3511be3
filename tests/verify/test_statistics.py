from __future__ import annotations

import builtins
import math

import numpy as np
import pytest

from per_audit.errors import UserError
from per_audit.verify import statistics


def test_g_holds_its_error_rate_and_sees_a_double_exponent():
    rng = np.random.default_rng(0)
    td = np.geomspace(0.1, 0.9, 50)
    law = statistics.power_law(td, 0.6)
    limit = statistics.g_threshold(50)
    sound = [statistics.g_statistic(rng.multinomial(8000, law).astype(float), law) for _ in range(2000)]
    assert sum(g > limit for g in sound) <= 2
    # A chi-square of 49 degrees has mean 49 and standard deviation 9.9.
    assert np.mean(sound) == pytest.approx(49, abs=1.5)
    twice = statistics.power_law(td, 0.36)
    assert min(statistics.g_statistic(rng.multinomial(8000, twice).astype(float), law) for _ in range(200)) > limit


def test_an_impossible_cell_is_infinite():
    assert statistics.g_statistic(np.array([1.0, 1.0]), np.array([1.0, 0.0])) == math.inf


def test_alpha_is_recovered():
    td = np.geomspace(0.1, 0.9, 50)
    counts = np.random.default_rng(1).multinomial(8000, statistics.power_law(td, 0.7)).astype(float)
    alpha, half = statistics.fit_alpha(counts, td)
    assert abs(alpha - 0.7) < half < 0.06


def test_mixture_sums_to_one():
    facts = {"alpha": 0.6, "epsilon": None, "recent_fraction": 0.2, "recent_size": 0.2}
    law = statistics.mixture(np.full(50, 0.5), facts, 20)
    assert law.sum() == pytest.approx(1.0)
    assert law[-1] / law[0] == pytest.approx((0.8 / 50 + 0.2 / 10) / (0.8 / 50))


def test_a_missing_scipy_names_the_extra(monkeypatch):
    real = builtins.__import__

    def no_scipy(name, *args, **kwargs):
        if name.startswith("scipy"):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", no_scipy)
    with pytest.raises(UserError, match=r'pip install "per-audit\[verify\]"'):
        statistics.scipy_stats()
