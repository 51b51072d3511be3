"""A changed priority changes the share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from per_audit.verify.check import Check
from per_audit.verify.results import Outcome, Verdict

if TYPE_CHECKING:
    from per_audit.verify.child.bench import Bench

_CAPACITY = 50
_DRAWS = 8000
_UP, _DOWN = 17, 31


class UpdatesTakeEffect(Check):
    """The drawn share of a transition rises when its TD error rises tenfold, and falls when it falls tenfold.

    The smaller of the two effects, as the logarithm of the ratio of shares, must reach half of what alpha demands; at
    8,000 draws before and after, that is some seven standard deviations for a sound buffer with alpha = 0.6.
    """

    name = "updates-take-effect"
    statistic = "smaller effect / expected effect"
    relation = ">="
    error_rate = "1e-9"
    blind_spot = "effects that are more than half of the right size (see frequencies)"
    order = 40

    def probe(self, bench: Bench) -> dict[str, Any]:
        """Shares of two items before and after their TD errors change."""
        bench.need_update()
        batch = 20 if bench.facts["recent_fraction"] else 8
        adapter = bench.filled(_CAPACITY, batch=batch)
        # Within 1, at which some clip on purpose.
        td = dict.fromkeys(range(_CAPACITY), 0.09)
        td[_DOWN] = 0.9
        bench.settle(adapter, td, batch)
        before = bench.count(adapter, _DRAWS, _CAPACITY, batch)
        td[_UP], td[_DOWN] = 0.9, 0.09
        bench.settle(adapter, td, batch)
        after = bench.count(adapter, _DRAWS, _CAPACITY, batch)
        return {"before": before.tolist(), "after": after.tolist()}

    def judge(self, measured: dict[str, Any], facts: dict[str, Any]) -> Outcome:
        """Compare the log ratios of shares, relative to an item that was left alone, with alpha ln 10."""
        before, after = np.array(measured["before"], dtype=np.float64), np.array(measured["after"], dtype=np.float64)
        still = [index for index in range(_CAPACITY) if index not in (_UP, _DOWN)]
        base = np.log((after[still].sum() + 1.0) / (before[still].sum() + 1.0))
        expected = (facts["alpha"] if facts["alpha"] is not None else 0.5) * np.log(10.0)
        if expected <= 0.0:
            return Outcome(Verdict.NOT_PROVIDED, None, None, "alpha is 0: draws are meant to be uniform")
        up = (np.log((after[_UP] + 1.0) / (before[_UP] + 1.0)) - base) / expected
        down = -(np.log((after[_DOWN] + 1.0) / (before[_DOWN] + 1.0)) - base) / expected
        effect = float(min(up, down))
        shares = f"{before[_UP] / before.sum():.3f} -> {after[_UP] / after.sum():.3f} after a rise, "
        shares += f"{before[_DOWN] / before.sum():.3f} -> {after[_DOWN] / after.sum():.3f} after a fall"
        if effect < 0.5:
            return Outcome(Verdict.FAIL, effect, 0.5, f"updates do not change the draws as they should: share {shares}")
        return Outcome(Verdict.PASS, effect, 0.5, f"share {shares}")
