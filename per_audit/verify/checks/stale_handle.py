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
    """An update for a transition that was overwritten meanwhile does not touch its successor (informational).

    A batch is drawn, every slot is overwritten, and the batch's handles are updated with 50 times the TD error of the
    others. With plain slot numbers as handles the successors rise; that is usual, and is reported as NOT PROVIDED. It
    matters where other threads or processes add between a draw and its update.
    """

    name = "stale-handle"
    statistic = "largest share / fair share"
    error_rate = "0 (never fails)"
    blind_spot = "handles from before a clear or a load"
    order = 110

    def probe(self, bench: Bench) -> dict[str, Any]:
        """Counts after a stale update."""
        bench.need_update()
        if not bench.facts["handles"]:
            raise NotProvided("updates take no handles")
        adapter = bench.filled(_CAPACITY)
        td = dict.fromkeys(range(_CAPACITY, 2 * _CAPACITY), 0.1)
        ids, handles, _ = adapter.draw(8)
        for tid in td:
            adapter.add(tid, 0.0, 1.0, False)
        bench.settle(adapter, td)
        before = self._largest(bench, adapter)
        try:
            adapter.update(handles, np.full(len(ids), 5.0))
        except Exception:  # refusing is as good as ignoring
            return {"refused": True}
        return {"before": before, "ratio": self._largest(bench, adapter)}

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
            return Outcome(Verdict.NOT_PROVIDED, ratio, limit, message)
        return Outcome(Verdict.PASS, ratio, limit, "an update of an overwritten slot changes nothing")
