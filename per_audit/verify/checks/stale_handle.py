"""A late update does not reach the transition that took the slot over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from per_audit.verify.check import Check, NotProvided
from per_audit.verify.results import Outcome, Verdict

if TYPE_CHECKING:
    from per_audit.verify.child.bench import Bench

_CAPACITY = 50
_DRAWS = 4000


class StaleHandle(Check):
    """An update for a transition that was overwritten meanwhile does not touch its successor.

    A batch is drawn, every slot is overwritten, and the batch's handles are updated with 50 times the TD error of the
    others. With plain slot numbers as handles the successors rise; that is usual, matters only where others add between
    a draw and its update, and is reported as NOT PROVIDED. Handles that name one transition each, none of them given to
    a successor again, promise more: there it is a FAIL. Of 50 equal items in 4,000 draws the largest share reaches
    twice the fair one with probability 50 * P(Binomial(4000, 1/50) >= 160) < 1e-13.
    """

    name = "stale-handle"
    statistic = "largest share / fair share"
    error_rate = "1e-13"
    blind_spot = "handles from before a clear or a load"
    order = 110

    def probe(self, bench: Bench) -> dict[str, Any]:
        """Counts after a stale update."""
        bench.need_update()
        if not bench.facts["handles"]:
            raise NotProvided("updates take no handles")
        adapter = bench.filled(_CAPACITY)
        td = dict.fromkeys(range(_CAPACITY, 2 * _CAPACITY), 0.1)
        if adapter.draw(8)[1] is None:
            raise NotProvided("updates take no handles")
        earlier = self._handles(adapter)
        ids, handles, _ = adapter.draw(8)
        for tid in td:
            adapter.add(tid, 0.0, 1.0, False)
        bench.settle(adapter, td)
        before = self._largest(bench, adapter)
        unique = not earlier & self._handles(adapter)
        try:
            adapter.update(handles, np.full(len(ids), 5.0))
        except Exception:  # refusing is as good as ignoring
            return {"refused": True}
        return {"before": before, "ratio": self._largest(bench, adapter), "unique": unique}

    @staticmethod
    def _handles(adapter: Any) -> set[str]:
        """What 100 batches give as handles."""
        return {str(handle) for _ in range(100) for handle in np.ravel(np.asarray(adapter.draw(8)[1]))}

    @staticmethod
    def _largest(bench: Bench, adapter: Any) -> float:
        """The largest share of a transition over the fair one."""
        counts = bench.count(adapter, _DRAWS, 2 * _CAPACITY)[_CAPACITY : 2 * _CAPACITY]
        return float(counts.max() / max(1.0, counts.mean()))

    def judge(self, measured: dict[str, Any], facts: dict[str, Any]) -> Outcome:
        """With equal priorities no item reaches twice its fair share; a stale update lifts one to several times."""
        if measured.get("refused"):
            return Outcome(Verdict.PASS, None, None, "stale handles are refused")
        limit = 2.0 + (facts["recent_fraction"] or 0.0) / (facts["recent_size"] or 1.0)
        ratio = measured["ratio"]
        if ratio > limit:
            message = (
                "informational: handles are plain slots, so a late update changes the item that took the slot over"
            )
            if measured["before"] > limit:
                message = "informational: items of equal priority are not drawn alike, so a late update does not show"
            elif measured["unique"]:
                message = "handles name one transition each, and yet a late update changes the one that took the slot"
                return Outcome(Verdict.FAIL, ratio, limit, message)
            return Outcome(Verdict.NOT_PROVIDED, ratio, limit, message)
        return Outcome(Verdict.PASS, ratio, limit, "an update of an overwritten slot changes nothing")
