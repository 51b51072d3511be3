"""The statistics of the checks. scipy is imported where it is used: the child process does without it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from per_audit.errors import UserError

Array = npt.NDArray[np.float64]

FALSE_ALARM = 1e-4
"""The rate at which a sound buffer may fail any one check."""


def scipy_stats() -> Any:
    """`scipy.stats`; raises UserError naming the extra where scipy is missing."""
    try:
        import scipy.stats
    except ImportError as error:
        raise UserError(
            'scipy is missing, and `per-audit verify` and `compare` need it: pip install "per-audit[verify]"'
        ) from error
    return scipy.stats


def power_law(td: Array, alpha: float, epsilon: float = 0.0) -> Array:
    """Probabilities (N,) proportional to (|td| + epsilon)^alpha (Schaul et al. 2016, eq. 1)."""
    mass = (np.abs(td) + epsilon) ** alpha
    return np.asarray(mass / mass.sum(), dtype=np.float64)


def shares_of_ranks(td: Array) -> Array:
    """1 / rank of each |td| (N,), the largest of rank 1: what rank-based replay has in place of the priorities
    (Schaul et al. 2016, section 3.3).
    """
    ranks = np.empty(td.size)
    ranks[np.argsort(-np.abs(td))] = np.arange(1, td.size + 1)
    return 1.0 / ranks


def implied_scores(rows: list[list[Any]], betas: list[float], cells: int) -> Array:
    """ln q (cells,) up to a constant, by which rows [ids, weights] were drawn if their weights are (N q)^-beta, divided
    by a constant of each batch; NaN for ids that never came up.

    From -ln(w) / beta = ln q + constant. Batches are tied together by the items they share: least squares by turns,
    exact where one law explains them all.
    """
    item = np.concatenate([np.array(ids, dtype=np.int64) for ids, _ in rows])
    batch = np.repeat(np.arange(len(rows)), [len(ids) for ids, _ in rows])
    value = np.concatenate([-np.log(np.array(w)) / beta for (_, w), beta in zip(rows, betas, strict=True)])
    seen = np.bincount(item, minlength=cells)
    size = np.maximum(np.bincount(batch, minlength=len(rows)), 1)
    score = np.zeros(cells)
    for _ in range(50):
        shift = np.bincount(batch, value - score[item], minlength=len(rows)) / size
        score = np.bincount(item, value - shift[batch], minlength=cells) / np.maximum(seen, 1)
    return np.where(seen > 0, score, np.nan)


def goes_by_rank(counts: Array, td: Array, alpha: float) -> bool:
    """Whether counts (N,) are likelier under (1/rank)^alpha than under any power of |td|."""
    by_rank = power_law(shares_of_ranks(td), alpha)
    by_priority = power_law(td, fit_alpha(counts, td)[0])
    return float(counts @ np.log(by_rank)) > float(counts @ np.log(by_priority))


def mixture(td: Array, facts: dict[str, Any], batch: int, alpha: float | None = None) -> Array:
    """The law that a full buffer of `td` (N,) by age, oldest first, should draw by, with the target's own constants.

    With a recent share: q_i = f p_i^a / S + (1 - f) 1[recent] / |R|, f from the rounded number of rows in a batch.
    """
    exponent = facts["alpha"] if alpha is None else alpha
    law = power_law(td, exponent, facts["epsilon"] or 0.0)
    share = facts.get("recent_fraction") or 0.0
    if not share:
        return law
    rows = min(int(share * batch + 0.5), batch - 1)
    newest = max(1, int((facts.get("recent_size") or 0.2) * td.size + 1e-9))
    recent = np.zeros(td.size)
    recent[-newest:] = 1.0 / newest
    return np.asarray((batch - rows) / batch * law + rows / batch * recent, dtype=np.float64)


def g_statistic(counts: Array, expected: Array) -> float:
    """G = 2 sum O ln(O / E) for counts (N,) against probabilities (N,); infinite where an impossible cell was drawn."""
    drawn = counts > 0
    if np.any(expected[drawn] <= 0):
        return math.inf
    ratio = counts[drawn] / (counts.sum() * expected[drawn])
    return float(2.0 * np.sum(counts[drawn] * np.log(ratio)))


def same_law(first: Array, second: Array) -> float:
    """p-value of two vectors of counts (N,) coming from one law (chi-square of homogeneity)."""
    table = np.stack([first, second])
    table = table[:, table.sum(axis=0) > 0]
    expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0, keepdims=True) / table.sum()
    return float(scipy_stats().chi2.sf(float(np.sum((table - expected) ** 2 / expected)), table.shape[1] - 1))


def g_threshold(cells: int, fitted: int = 0, looks: int = 1) -> float:
    """The value that G exceeds with probability `FALSE_ALARM` in any of `looks` looks when the law holds.

    `fitted` parameters cost a degree of freedom each.
    """
    return float(scipy_stats().chi2.isf(FALSE_ALARM / looks, max(1, cells - 1 - fitted)))


def fit_alpha(counts: Array, td: Array) -> tuple[float, float]:
    """Maximum-likelihood alpha of counts (N,) ~ |td|^alpha, and half the width of its 99 % interval."""
    x = np.log(np.abs(td))
    total = counts.sum()
    alpha = 0.5
    variance = 1.0
    for _ in range(60):
        p = power_law(td, alpha)
        mean = float(p @ x)
        variance = max(float(p @ (x - mean) ** 2), 1e-12)
        step = (float(counts @ x) / total - mean) / variance
        alpha += float(np.clip(step, -2.0, 2.0))
        if abs(step) < 1e-10:
            break
    return alpha, 2.576 / math.sqrt(total * variance)


def iqm(values: Array) -> Array:
    """Interquartile mean over the last axis: the mean of the middle half (Agarwal et al. 2021)."""
    ordered = np.sort(values, axis=-1)
    cut = values.shape[-1] // 4
    return np.asarray(ordered[..., cut : values.shape[-1] - cut].mean(axis=-1), dtype=np.float64)


def ratio_of_iqm(top: Array, bottom: Array, seed: int, level: float = 0.99) -> tuple[float, float, float]:
    """IQM(top) / IQM(bottom) with its two-sample percentile-bootstrap interval: (ratio, low, high)."""
    rng = np.random.default_rng(seed)
    draws = 9999
    upper = iqm(top[rng.integers(0, top.size, (draws, top.size))])
    lower = iqm(bottom[rng.integers(0, bottom.size, (draws, bottom.size))])
    tail = (1.0 - level) / 2.0
    low, high = np.quantile(upper / lower, [tail, 1.0 - tail])
    return float(iqm(top) / iqm(bottom)), float(low), float(high)
