"""Importance-sampling weights undo the bias of the draws."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from per_audit.verify import statistics
from per_audit.verify.check import Check, NotProvided
from per_audit.verify.child.bench import as_tds, log_grid
from per_audit.verify.results import Outcome, Picture, Series, Verdict

if TYPE_CHECKING:
    from per_audit.verify.child.bench import Bench

_CAPACITY = 50
_BATCH = 20
_BATCHES = 60
_DRAWS = 8000
_TOLERANCE = 0.02


class Weights(Check):
    """Weights are proportional to (N P)^-beta within each batch, finite and above zero, also on a part-filled buffer.

    The slope of ln w over ln P is fitted in each batch; its distance from -beta and the largest residual are compared
    with 0.02. Any constant factor passes: division by the largest weight of the batch or of the buffer, or none. Where
    nothing is divided, the factor must be (N P)^-beta with N the number of stored items, not the capacity.
    """

    name = "weights"
    statistic = "largest deviation of ln w"
    error_rate = "0 (no sampling error)"
    blind_spot = "whether the training loop multiplies the loss by the weights; schedules of beta"
    order = 30

    def probe(self, bench: Bench) -> dict[str, Any]:
        """Ids, weights and beta of many batches, full and part-filled."""
        bench.need_update()
        if not bench.facts["weights"]:
            raise NotProvided("the batch holds no importance-sampling weights")
        measured: dict[str, Any] = {}
        size = bench.room(_CAPACITY)
        for label, count in (("full", size), ("part", size // 2)):
            adapter = bench.filled(size, count, _BATCH)
            td = log_grid(count)
            unreached = bench.settle(adapter, as_tds(td), _BATCH)
            rows = []
            for _ in range(_BATCHES):
                before = adapter.beta
                ids, _, weights = adapter.draw(_BATCH)
                if weights is None:
                    raise NotProvided("the adapter returns no weights")
                stored = (ids >= 0) & (ids < count)  # empty slots are the finding of `reach`
                rows.append([ids[stored].tolist(), weights[stored].tolist(), before, adapter.beta])
            measured[label] = {"td": td.tolist(), "rows": rows, "unreached": sorted(unreached), "capacity": size}
            singles = bench.singles(adapter, _DRAWS, as_tds(td))
            counts = bench.count(adapter, _DRAWS, count, _BATCH)[:-1] if singles is None else singles
            measured[label]["counts"] = counts.tolist()
        return measured

    def judge(self, measured: dict[str, Any], facts: dict[str, Any]) -> Outcome:
        """Slope and residual of every batch, then the constant factor."""
        parts = (("full", "a full buffer"), ("part", "a part-filled buffer"))
        for label, where in parts:
            every = np.array([w for row in measured[label]["rows"] for w in row[1]], dtype=np.float64)
            if not np.all(np.isfinite(every)):
                return Outcome(Verdict.FAIL, None, _TOLERANCE, f"{where}: weights are not finite")
            if np.any(every <= 0.0):
                return Outcome(
                    Verdict.FAIL, None, _TOLERANCE, f"{where}: weights are zero or negative, so nothing is learned"
                )
        if facts["alpha"] == 0.0:
            return Outcome(Verdict.NOT_PROVIDED, None, None, "alpha is 0: draws are meant to be uniform")
        every = np.concatenate([np.array(row[1]) for label, _ in parts for row in measured[label]["rows"]])
        if facts["beta"] == 0.0 and np.ptp(every) == 0.0:
            message = "beta is 0 and all weights are equal: what corrects for the draws has to be the loss, as in LAP"
            return Outcome(Verdict.NOT_PROVIDED, None, None, message)
        fits = [_Fit(measured[label], facts) for label, _ in parts]
        other_law = [fit.deviation > _TOLERANCE and fit.of_the_draws(facts) for fit in fits]
        for fit, other, (_, where) in zip(fits, other_law, parts, strict=True):
            if fit.deviation > _TOLERANCE and not other:
                return Outcome(Verdict.FAIL, fit.deviation, _TOLERANCE, f"{where}: {fit.words(facts)}")
        if any(other_law):
            note = "the weights are those of the law by which rows are drawn, which is not p^alpha (see frequencies)"
            return Outcome(Verdict.PASS, None, _TOLERANCE, note)
        full, part_filled = fits
        worst = max(full.deviation, part_filled.deviation)
        note = full.words(facts)
        if full.divided_by_batch:
            return Outcome(Verdict.PASS, worst, _TOLERANCE, note + ", divided by the largest of the batch")
        if abs(full.constant) > _TOLERANCE:
            if full.counts_rows and part_filled.counts_rows:
                message = f"N in (N P)^-beta is the number of rows of the batch ({_BATCH}), not of stored items"
                return Outcome(Verdict.FAIL, abs(full.constant), _TOLERANCE, message)
            return Outcome(Verdict.PASS, worst, _TOLERANCE, note + ", divided by a constant")
        if abs(part_filled.constant) > _TOLERANCE:
            message = "a part-filled buffer: N in (N P)^-beta is not the number of stored items"
            return Outcome(Verdict.FAIL, abs(part_filled.constant), _TOLERANCE, message)
        return Outcome(Verdict.PASS, worst, _TOLERANCE, note + ", not divided by anything")

    def picture(self, measured: dict[str, Any], facts: dict[str, Any]) -> Picture | None:
        """The weight of each item of a full buffer, relative to the largest, against its probability."""
        part = measured["full"]
        fit = _Fit(part, facts)
        weight: dict[int, float] = {}
        for ids, weights, *_ in part["rows"][-20:]:
            scale = float(np.exp(np.mean(np.log(weights) + fit.beta * np.log(fit.law[ids]))))
            weight.update({number: value / scale for number, value in zip(ids, weights, strict=True)})
        most = max(weight.values())
        points = tuple(sorted((float(fit.law[number]), float(value / most)) for number, value in weight.items()))
        series = [Series("returned", points, "dots", True)]
        beta = part["rows"][-1][2] if part["rows"][-1][2] is not None else facts["beta"]
        if beta is not None:
            middle = float(
                np.exp(np.mean(np.log([y for _, y in points])) + beta * np.mean(np.log([x for x, _ in points])))
            )
            line = tuple((x, middle * x**-beta) for x in (points[0][0], points[-1][0]))
            series.append(Series(f"P^-{beta:.3g}", line, "line", False))
        return Picture("Weights against probabilities", "probability", "weight / largest", tuple(series), True)


class _Fit:
    """The line through ln w over ln P of each batch: `beta` is its negative slope, `constant` ln w at P = 1/N (0 where
    nothing was divided), `deviation` the larger of the error of the slope and of the largest residual.
    """

    def __init__(self, part: dict[str, Any], facts: dict[str, Any]) -> None:
        td = np.array(part["td"])
        self._rows = part["rows"]
        self.stored = td.size
        drawn = self.drawn = np.array(part["counts"], dtype=np.float64)
        fitted, half = statistics.fit_alpha(drawn, td)
        alpha = facts["alpha"] if facts["alpha"] is not None else fitted
        slack = 0.0 if facts["alpha"] is not None else half / max(abs(fitted), 1e-3)
        newest = (facts.get("recent_size") or 0.2) * part.get("capacity", _CAPACITY) / td.size
        law = statistics.mixture(td, {**facts, "recent_size": newest, "alpha": alpha}, _BATCH)
        self.by_rank = not facts.get("recent_fraction") and statistics.goes_by_rank(drawn, td, alpha)
        if self.by_rank:
            law = statistics.power_law(statistics.shares_of_ranks(td), alpha)
        self.law = law
        slopes, residuals, constants, maxima, betas = [], [], [], [], []
        for ids, weights, before, after in part["rows"]:
            x, y = np.log(law[ids]), np.log(weights)
            if np.ptp(x) < 0.1:
                continue
            slope, constant = np.polyfit(x, y, 1)
            slopes.append(float(slope))
            residuals.append(float(np.max(np.abs(y - slope * x - constant))))
            constants.append(constant - slope * np.log(td.size))
            maxima.append(max(weights))
            betas.append([value for value in (before, after, facts["beta"]) if value is not None][:2])
        if not slopes:
            raise ValueError("no batch held items of different priority")
        self.beta = -float(np.median(slopes))
        self.constant = float(np.median(constants))
        self.divided_by_batch = max(abs(value - 1.0) for value in maxima) < 1e-4
        self.slope_error = _slope_error(slopes, betas, slack)
        self.residual = float(np.max(residuals))
        self.deviation = max(self.slope_error, self.residual)

    @property
    def counts_rows(self) -> bool:
        """Whether the weights are (B P)^-beta: divided by nothing, with the batch in place of the buffer."""
        return bool(abs(self.constant - self.beta * np.log(self.stored / _BATCH)) < _TOLERANCE)

    def of_the_draws(self, facts: dict[str, Any]) -> bool:
        """Whether the draws follow another law than they should, and the weights are those of that one: then the law is
        the finding of `frequencies`, and nothing is wrong with the weights.
        """
        betas = [row[2] if row[2] is not None else facts["beta"] for row in self._rows]
        limit = statistics.g_threshold(self.law.size)
        if not all(betas) or statistics.g_statistic(self.drawn, self.law) <= limit:
            return False
        scores = statistics.implied_scores([row[:2] for row in self._rows], betas, self.law.size)
        seen = np.isfinite(scores)
        implied = np.exp(scores[seen] - scores[seen].max())
        return statistics.g_statistic(self.drawn[seen], implied / implied.sum()) <= limit

    def words(self, facts: dict[str, Any]) -> str:
        """The fit, for people."""
        text = f"weights go with P^{-self.beta:.3g}"
        if self.deviation <= _TOLERANCE:
            return text
        if self.residual > _TOLERANCE and abs(self.beta) < 0.15:
            return "weights have nothing to do with the probabilities"
        if abs(self.beta) < 0.01:
            return text + ": they do not correct the bias at all"
        if self.beta < 0:
            return text + ": they grow with the probability, so the bias is doubled in place of undone"
        if self.slope_error > _TOLERANCE and facts["beta"] is not None:
            return text + f", but beta is {facts['beta']:g}"
        return text + ", but not all of them"


def _slope_error(slopes: list[float], betas: list[list[float]], slack: float) -> float:
    """How far the slopes are from -beta, which may be anything between its values before and after a draw.

    `slack` is the relative error of the slopes, where P is not known exactly.
    """
    errors = []
    for slope, known in zip(slopes, betas, strict=True):
        # An unknown beta may be anything in (0, 1].
        low, high = (min(known), max(known)) if known else (0.01, 1.0)
        errors.append(max(low * (1.0 - slack) + slope, -slope - high * (1.0 + slack), 0.0))
    return float(np.median(errors))
