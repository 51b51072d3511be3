"""The weights belong to the probabilities by which the batch was really drawn."""

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
_RARE = (3, 14, 22, 35, 41)
_BATCH = 20
_DRAWS = 8000


class Mixture(Check):
    """Counts of 8,000 draws agree with the law that the returned weights themselves imply, rare rewards among them.

    Weights (N q)^-beta, divided by anything, say that q is proportional to w^(-1/beta): counts of 50 transitions, five
    of them with a reward of 10 among some of 0.1, are held against that law by a G-test. Neither alpha nor the shares
    of rare or recent transitions have to be known: a share that is drawn and not weighed shows as a law that fits not.
    Where no exponent is known it is fitted, and weights that fit none are INCONCLUSIVE: the exponent may have moved.
    """

    name = "mixture"
    statistic = "G"
    blind_spot = "a law that is wrong and weighed by itself (see frequencies); errors below some 10 % of a share"
    order = 35

    def probe(self, bench: Bench) -> dict[str, Any]:
        """The logarithm of each item's weight, free of the constants of its batches, and the counts."""
        if not bench.facts["weights"]:
            raise NotProvided("the batch holds no importance-sampling weights")
        adapter = bench.make(_CAPACITY, _BATCH)
        for tid in range(_CAPACITY):
            adapter.add(tid, 10.0 if tid in _RARE else 0.1 + 0.001 * (tid % 7 - 3), 1.0, False)
        if bench.facts["updates"]:
            bench.settle(adapter, as_tds(log_grid(_CAPACITY)), _BATCH)
        rows: list[list[Any]] = []
        total = 0
        while total < _DRAWS:
            before = adapter.beta
            ids, _, weights = adapter.draw(_BATCH)
            if weights is None:
                raise NotProvided("the adapter returns no weights")
            stored = (ids >= 0) & (ids < _CAPACITY)  # empty slots are the finding of `reach`
            rows.append([ids[stored].tolist(), weights[stored].tolist(), before])
            total += len(ids)
        measured: dict[str, Any] = {"rows": rows}
        singles = bench.singles(adapter, _DRAWS, as_tds(log_grid(_CAPACITY)))
        if singles is not None:
            measured["singles"] = singles.tolist()
        return measured

    def judge(self, measured: dict[str, Any], facts: dict[str, Any]) -> Outcome:
        """G of the counts against w^(-1/beta)."""
        rows = measured["rows"]
        every = np.array([w for row in rows for w in row[1]], dtype=np.float64)
        if not np.all(np.isfinite(every) & (every > 0.0)):
            return Outcome(Verdict.FAIL, None, None, "weights are not finite or not above zero")
        counts = np.bincount([i for row in rows for i in row[0]], minlength=_CAPACITY).astype(np.float64)
        if "singles" in measured:  # batches without replacement flatten the shares
            counts = np.array(measured["singles"], dtype=np.float64)
        betas = [row[2] if row[2] is not None else facts["beta"] for row in rows]
        if 0.0 in betas:
            return Outcome(Verdict.NOT_PROVIDED, None, None, "beta is 0: weights are meant to be equal")
        known = None not in betas
        scores = statistics.implied_scores(
            [row[:2] for row in rows], [float(beta) if known else 1.0 for beta in betas], _CAPACITY
        )
        drawn = np.isfinite(scores)
        counts, scores = counts[drawn], scores[drawn]
        exponent = 1.0 if known else _fit_exponent(counts, scores)
        law = np.exp(exponent * (scores - scores.max()))
        law /= law.sum()
        limit = statistics.g_threshold(len(scores), fitted=0 if known else 1)
        g = statistics.g_statistic(counts, law)
        if g <= limit:
            return Outcome(Verdict.PASS, g, limit, "the weights are those of the law by which the rows were drawn")
        numbers = np.flatnonzero(drawn)
        off = counts / counts.sum() / law
        worst = int(np.argmax(np.abs(np.log(np.maximum(off, 1e-3)))))
        rare = np.isin(numbers, _RARE)
        text = f"item {numbers[worst]} is drawn {off[worst]:.2f} times as often as its weight says"
        share, said = counts[rare].sum() / counts.sum(), law[rare].sum()
        if not 0.8 < share / said < 1.25:
            text = f"rare rewards make up {share:.0%} of the draws, and {said:.0%} by their weights"
        if not known:
            return Outcome(Verdict.INCONCLUSIVE, g, limit, f"{text}; what beta is or was is not known")
        return Outcome(Verdict.FAIL, g, limit, f"the weights are not those of the draws: {text}")


def _fit_exponent(counts: Any, scores: Any) -> float:
    """1 / beta by maximum likelihood; 1 where all weights are equal, and no exponent can show."""
    if np.ptp(scores) < 1e-6:
        return 1.0
    return statistics.fit_alpha(counts, np.exp(scores - scores.max()))[0]
