"""Transitions are drawn in proportion to their priorities."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from per_audit.verify import statistics
from per_audit.verify.check import Check
from per_audit.verify.child.bench import as_tds, log_grid
from per_audit.verify.results import Outcome, Picture, Series, Verdict

if TYPE_CHECKING:
    from per_audit.verify.child.bench import Bench

_CAPACITY = 50
_DRAWS = 8000


class Frequencies(Check):
    """The share of each of 50 transitions in 8,000 draws agrees with p^alpha / sum p^alpha, by a G-test.

    TD errors lie on a log grid from 0.1 to 0.9 and are set through the class's own update; where the class has a recent
    share, the law is the mixture with it. Rank-based replay, (1/rank)^alpha, passes as well and is named. A second
    round turns the grid round, so that each slot has a low TD error once, and gives half of them a negative sign where
    the class takes it: only magnitudes may matter. A FAIL reports the maximum-likelihood alpha with its 99 % interval.
    """

    name = "frequencies"
    statistic = "G"
    blind_spot = "errors below some 10 % of an item's share; buffers whose law changes with their size"
    order = 20

    def probe(self, bench: Bench) -> dict[str, Any]:
        """Counts by id in batches, one by one where batches never repeat an item, and with signs."""
        batch = 20 if bench.facts["recent_fraction"] else 8
        size = bench.room(_CAPACITY)
        adapter = bench.filled(size, batch=batch)
        td = log_grid(size)
        updates = bench.facts["updates"]
        measured: dict[str, Any] = {"batch": batch, "td": td.tolist(), "updates": updates, "unreached": []}
        if updates:
            measured["unreached"] = sorted(bench.settle(adapter, as_tds(td), batch))
        measured["counts"] = bench.count(adapter, _DRAWS, size, batch)[:-1].tolist()
        singles = bench.singles(adapter, _DRAWS, as_tds(td))
        if singles is not None:
            measured["singles"] = singles.tolist()
        if updates:
            measured.update(self._turned(bench, td, batch))
        return measured

    @staticmethod
    def _turned(bench: Bench, td: Any, batch: int) -> dict[str, Any]:
        turned = td.min() * td.max() / td
        signs = np.where(np.arange(td.size) % 2, -1.0, 1.0) if bench.facts["signed"] else np.ones(td.size)
        adapter = bench.filled(td.size, batch=batch)
        try:
            bench.settle(adapter, as_tds(turned * signs), batch)
            counts = bench.count(adapter, _DRAWS, td.size, batch)[:-1]
        except Exception as error:
            if not bench.facts["signed"]:
                raise
            # It took negative TD errors without complaint and broke on them later.
            return {"signed_error": f"{type(error).__name__}: {error}"[:160]}
        return {"turned": counts.tolist(), "turned_td": turned.tolist()}

    def judge(self, measured: dict[str, Any], facts: dict[str, Any]) -> Outcome:
        """G against the law of the target's own constants."""
        td = np.array(measured["td"])
        # Batches without replacement flatten the shares: there single rows count.
        counts = np.array(measured.get("singles", measured["counts"]), dtype=np.float64)
        if not measured["updates"]:
            return self._uniform(counts, facts.get("undriven"))
        if facts["alpha"] is None:
            return self._unknown_alpha(counts, td)
        law = statistics.mixture(td, facts, 1 if "singles" in measured else measured["batch"])
        limit = statistics.g_threshold(td.size, looks=2)
        g = statistics.g_statistic(counts, law)
        note = f"drawn by p^{facts['alpha']:g}"
        by_rank = statistics.power_law(statistics.shares_of_ranks(td), facts["alpha"])
        ranked = g > limit and statistics.g_statistic(counts, by_rank) <= limit
        if ranked:
            g, note = statistics.g_statistic(counts, by_rank), f"drawn by rank, (1/rank)^{facts['alpha']:g}"
        if facts["recent_fraction"]:
            note += f" mixed with a recent share of {facts['recent_fraction']:g}"
        if "singles" in measured:
            note += ", one row at a time; batches are drawn without replacement, which flattens their shares"
        if g > limit:
            return Outcome(Verdict.FAIL, g, limit, self._explain(counts, td, law, facts, measured["unreached"]))
        if "signed_error" in measured:
            return Outcome(
                Verdict.FAIL, g, limit, f"negative TD errors are taken and break it: {measured['signed_error']}"
            )
        if "turned" in measured and "singles" not in measured:
            td, counts = np.array(measured["turned_td"]), np.array(measured["turned"], dtype=np.float64)
            law = statistics.mixture(td, facts, measured["batch"])
            if ranked:
                law = statistics.power_law(statistics.shares_of_ranks(td), facts["alpha"])
            turned = statistics.g_statistic(counts, law)
            if turned > limit:
                negative = float(counts[1::2].sum() / counts.sum() / law[1::2].sum())
                message = self._explain(counts, td, law, facts, [])
                if facts["signed"] and not 0.8 < negative < 1.25:
                    message = "the sign of the TD error changes the priority: take its magnitude"
                return Outcome(Verdict.FAIL, turned, limit, message)
            g = max(g, turned)
        return Outcome(Verdict.PASS, g, limit, note)

    def picture(self, measured: dict[str, Any], facts: dict[str, Any]) -> Picture | None:
        """Shares by TD error, drawn and expected."""
        td = np.array(measured["td"])
        counts = np.array(measured.get("singles", measured["counts"]), dtype=np.float64)
        order = np.argsort(td)
        shares = (counts / counts.sum())[order]
        series = [Series("drawn", tuple(zip(td[order].tolist(), shares.tolist(), strict=True)), "dots", True)]
        law = None
        if not measured["updates"]:
            law = np.full(td.size, 1.0 / td.size)
        elif facts["alpha"] is not None:
            law = statistics.mixture(td, facts, 1 if "singles" in measured else measured["batch"])
            if statistics.goes_by_rank(counts, td, facts["alpha"]) and not facts["recent_fraction"]:
                law = statistics.power_law(statistics.shares_of_ranks(td), facts["alpha"])
        if law is not None:
            expected = tuple(zip(td[order].tolist(), law[order].tolist(), strict=True))
            series.append(Series("expected", expected, "dots" if facts["recent_fraction"] else "line", False))
        return Picture("Sampled against expected frequencies", "TD error", "share of the draws", tuple(series), True)

    @staticmethod
    def _uniform(counts: Any, undriven: str | None) -> Outcome:
        limit = statistics.g_threshold(counts.size)
        g = statistics.g_statistic(counts, np.full(counts.size, 1.0 / counts.size))
        if undriven:
            message = f"{undriven}() could not be called with what a draw returns, so the law is not known"
            return Outcome(Verdict.INCONCLUSIVE, g, limit, message)
        if g > limit:
            # Recent items may be preferred on purpose: there are priorities that nobody updates.
            message = "no priorities to update, and the draws are not uniform: by which law they should be is not known"
            return Outcome(Verdict.INCONCLUSIVE, g, limit, message)
        return Outcome(Verdict.PASS, g, limit, "no priorities to update, so tested against uniform draws: they are")

    @staticmethod
    def _unknown_alpha(counts: Any, td: Any) -> Outcome:
        alpha, half = statistics.fit_alpha(counts, td)
        limit = statistics.g_threshold(counts.size, fitted=1)
        g = statistics.g_statistic(counts, statistics.power_law(td, alpha))
        law_of = "the priorities"
        if g > limit:
            ranks = statistics.shares_of_ranks(td)
            by_rank, half = statistics.fit_alpha(counts, ranks)
            if statistics.g_statistic(counts, statistics.power_law(ranks, by_rank)) > limit:
                return Outcome(Verdict.FAIL, g, limit, f"no power of the priorities fits; the nearest is {alpha:.2f}")
            g, alpha, law_of = statistics.g_statistic(counts, statistics.power_law(ranks, by_rank)), by_rank, "1/rank"
        if alpha - half <= 0.0:
            return Outcome(
                Verdict.FAIL, g, limit, f"draws do not depend on the priorities: alpha = {alpha:.2f} +- {half:.2f}"
            )
        note = f"drawn by a power of {law_of}, alpha = {alpha:.2f} +- {half:.2f}; what it should be is not known"
        return Outcome(Verdict.PASS, g, limit, note)

    @staticmethod
    def _explain(counts: Any, td: Any, law: Any, facts: dict[str, Any], unreached: list[int]) -> str:
        alpha, half = statistics.fit_alpha(counts, td)
        limit = statistics.g_threshold(td.size)
        text = f"the draws do not follow the priorities: alpha = {alpha:.2f} +- {half:.2f} (99 %), it should be "
        text += f"{facts['alpha']:g}"
        if statistics.g_statistic(counts, np.full(td.size, 1.0 / td.size)) <= limit:
            text += "; they are uniform"
        elif (
            abs(alpha - facts["alpha"] ** 2) < half
            and statistics.g_statistic(counts, statistics.power_law(td, alpha)) <= limit
        ):
            text += "; the exponent is applied twice"
        else:
            off = counts / counts.sum() / law
            worst = int(np.argmax(np.abs(np.log(np.maximum(off, 1e-3)))))
            text += f"; item {worst} has {off[worst]:.2f} times its share"
        return text + (f"; {len(unreached)} items never came up to be updated" if unreached else "")
