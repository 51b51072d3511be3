"""Importance-sampling weights undo the bias of the draws."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from per_audit.verify import statistics
from per_audit.verify.check import Check, NotProvided
from per_audit.verify.child.bench import as_tds, log_grid
from per_audit.verify.results import Outcome, Verdict

if TYPE_CHECKING:
    from per_audit.verify.child.bench import Bench

_CAPACITY = 50
_BATCH = 20
_BATCHES = 60
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
        for label, count in (("full", _CAPACITY), ("part", _CAPACITY // 2)):
            adapter = bench.filled(_CAPACITY, count, _BATCH)
            td = log_grid(count)
            unreached = bench.settle(adapter, as_tds(td), _BATCH)
            rows = []
            for _ in range(_BATCHES):
                before = adapter.beta
                ids, _, weights = adapter.draw(_BATCH)
                if weights is None:
                    raise NotProvided("the adapter returns no weights")
                rows.append([ids.tolist(), [float(w) for w in weights], before, adapter.beta])
            measured[label] = {"td": td.tolist(), "rows": rows, "unreached": sorted(unreached)}
        return measured

    def judge(self, measured: dict[str, Any], facts: dict[str, Any]) -> Outcome:
        """Slope and residual of every batch."""
        worst = 0.0
        notes: list[str] = []
        for label in ("full", "part"):
            part = measured[label]
            where = "a full buffer" if label == "full" else "a part-filled buffer"
            every = np.array([w for row in part["rows"] for w in row[1]], dtype=np.float64)
            if not np.all(np.isfinite(every)):
                return Outcome(Verdict.FAIL, None, _TOLERANCE, f"{where}: weights are not finite")
            if np.any(every <= 0.0):
                return Outcome(Verdict.FAIL, None, _TOLERANCE, f"{where}: weights are zero or negative, so nothing is learned")
            deviation, note = self._compare(part, facts)
            if deviation > _TOLERANCE:
                return Outcome(Verdict.FAIL, deviation, _TOLERANCE, f"{where}: {note}")
            worst = max(worst, deviation)
            notes.append(note)
        return Outcome(Verdict.PASS, worst, _TOLERANCE, notes[0])

    def _compare(self, part: dict[str, Any], facts: dict[str, Any]) -> tuple[float, str]:
        td = np.array(part["td"])
        newest = {"recent_size": (facts.get("recent_size") or 0.2) * _CAPACITY / td.size}
        law = statistics.mixture(td, {**facts, **newest, "alpha": facts["alpha"] or 0.6}, _BATCH)
        slopes, residuals, betas, constants, maxima = [], [], [], [], []
        drawn = np.bincount([i for row in part["rows"] for i in row[0]], minlength=td.size).astype(np.float64)
        for ids, weights, before, after in part["rows"]:
            x, y = np.log(law[ids]), np.log(weights)
            if np.ptp(x) < 0.1:
                continue
            slope, constant = np.polyfit(x, y, 1)
            slopes.append(slope)
            residuals.append(float(np.max(np.abs(y - slope * x - constant))))
            constants.append(constant + slope * np.log(1.0 / td.size))
            maxima.append(max(weights))
            betas.append((before, after))
        # The slope is against the law that the buffer should follow. Where its draws follow another power, the weights
        # may rightly belong to that one: the wrong power is the finding of `frequencies`, not of this check.
        fitted, half = statistics.fit_alpha(drawn, td)
        ratio = fitted / (facts["alpha"] or fitted) if not facts.get("recent_fraction") else 1.0
        ratios = [1.0] if facts["alpha"] and abs(ratio - 1.0) * facts["alpha"] < half else [1.0, ratio]
        off = min(self._slope_error(slopes, betas, facts, r, half / max(fitted, 0.1) if r != 1.0 else 0.0) for r in ratios)
        deviation = max(off, max(residuals))
        beta = -float(np.median(slopes))
        text = f"weights go with P^{-beta:.3g}"
        if abs(beta) < 0.01:
            text += ": they do not correct the bias at all"
        elif beta < 0:
            text += ": they grow with the probability, so the bias is doubled in place of undone"
        elif deviation > _TOLERANCE:
            text += f", beta is {facts['beta']:g}" if facts["beta"] is not None and off > _TOLERANCE else ", and not all of them"
        return self._normalisation(deviation, text, constants, maxima, td.size)

    @staticmethod
    def _slope_error(slopes: list[float], betas: list[Any], facts: dict[str, Any], ratio: float, slack: float) -> float:
        """How far the slopes are from -beta, beta being anything between its values before and after the draw."""
        errors = []
        for slope, (before, after) in zip(slopes, betas):
            fallback = facts["beta"] if facts["beta"] is not None else min(1.0, max(0.1, -slope / ratio))
            known = [value for value in (before, after) if value is not None] or [fallback]
            low, high = min(known) * ratio - slack, max(known) * ratio + slack
            errors.append(max(low + slope, -slope - high, 0.0))
        return float(np.median(errors))

    @staticmethod
    def _normalisation(
        deviation: float, text: str, constants: list[float], maxima: list[float], size: int
    ) -> tuple[float, str]:
        if deviation > _TOLERANCE:
            return deviation, text
        if max(abs(value - 1.0) for value in maxima) < 1e-4:
            return deviation, text + ", divided by the largest of the batch"
        # exp(constant) is the weight of an item with P = 1/N: 1 where nothing is divided, below 1 where the largest
        # weight of the buffer is the divisor.
        if float(np.median(constants)) > 0.05:
            return abs(float(np.median(constants))), text + f", but N is not the number of stored items ({size})"
        if abs(float(np.median(constants))) < 0.02:
            return deviation, text + ", not divided by anything"
        return deviation, text + ", divided by a constant"
