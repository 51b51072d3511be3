"""The claim rule, whose error rate is known, and the intervals beside it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from per_audit.compare.results import Interval
from per_audit.verify.statistics import iqm, scipy_stats

Array = npt.NDArray[np.float64]

CLAIM = 1e-3
"""How often a difference is claimed where there is none: the level of the two-sided permutation test."""
ENOUGH = 20
"""Seeds that a claim needs."""
SOME = 10
"""Seeds that an interval needs."""
MAY_FAIL = 0.1
"""The share of an arm's runs that may fail to finish where it is said to be better."""
_RESAMPLES = 9_999
_PERMUTATIONS = 99_999
_SEED = 0


@dataclass(frozen=True)
class Difference:
    """after - before of the interquartile means, and the p-value of the permutation test."""

    interval: Interval
    p: float


def difference(before: Array, after: Array) -> Difference:
    """Compare scores (n,) of the same n seeds.

    If the change does nothing, the two results of a seed might as well have come in the other order: the test counts
    how many of the exchanges (all 2^n, or 99,999 at random) give a difference as large. It is exact at any n, whatever
    the distribution, and whether or not the seeds tie the arms together.
    """
    stats = scipy_stats()
    value = _gap(after, before)
    if np.array_equal(before, after):
        return Difference(Interval(value, 0.0, 0.0) if before.size >= SOME else Interval(value), 1.0)
    test = stats.permutation_test(
        (after, before),
        _gap,
        permutation_type="samples",
        vectorized=True,
        n_resamples=_PERMUTATIONS,
        random_state=np.random.default_rng(_SEED),
    )
    return Difference(_interval((after, before), _gap), float(test.pvalue))


def mean_of(values: Array) -> Interval:
    """The interquartile mean of values (n,) and its interval."""
    return _interval((values,), iqm_along)


def band(rows: Array) -> tuple[Array, Array, Array]:
    """The interquartile mean over runs of rows (n, points), and its 95 % interval at each point: three of (points,)."""
    middle = iqm(rows.T)
    if rows.shape[0] < SOME:
        return middle, middle, middle
    rng = np.random.default_rng(_SEED)
    chosen = rng.integers(0, rows.shape[0], (999, rows.shape[0]))
    samples = np.stack([iqm(rows[picked].T) for picked in chosen])
    low, high = np.quantile(samples, [0.025, 0.975], axis=0)
    return middle, low, high


def iqm_along(values: Array, axis: int = -1) -> Any:
    """The interquartile mean along `axis`."""
    return iqm(np.moveaxis(values, axis, -1))


def _gap(after: Array, before: Array, axis: int = -1) -> Any:
    return iqm_along(after, axis) - iqm_along(before, axis)


def _interval(samples: tuple[Array, ...], statistic: Any) -> Interval:
    """Percentile bootstrap over the seeds, which stay together where both arms have them."""
    value = float(statistic(*samples))
    size = samples[0].size
    if size < SOME or not all(np.isfinite(sample).all() for sample in samples):
        return Interval(value)
    found = scipy_stats().bootstrap(
        samples,
        statistic,
        paired=len(samples) > 1,
        vectorized=True,
        n_resamples=_RESAMPLES,
        method="percentile",
        random_state=np.random.default_rng(_SEED),
    )
    return Interval(value, float(found.confidence_interval.low), float(found.confidence_interval.high))
