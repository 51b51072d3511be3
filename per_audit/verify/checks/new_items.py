"""New transitions enter with the largest priority."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from per_audit.verify import statistics
from per_audit.verify.check import Check
from per_audit.verify.results import Outcome, Verdict

if TYPE_CHECKING:
    from per_audit.verify.child.bench import Bench

_CAPACITY = 50
_DRAWS = 4000
_TOP = 20


class NewItems(Check):
    """A new transition is drawn at least as often as the stored one with the largest TD error.

    Schaul et al. (2016, algorithm 1, line 6) give new transitions the largest priority, so that each is seen at least
    once. Of the draws that hit either the new item or the top one, the new item's share is tested against one half,
    one-sided. The round is done at a largest TD error of 0.9 and of 5.
    """

    name = "new-items"
    statistic = "p-value of (new item as often as the top one)"
    relation = ">="
    blind_spot = "how a training loop that passes its own first priority chooses it"
    order = 50

    def probe(self, bench: Bench) -> dict[str, Any]:
        """Counts of the new and of the top item, and after how many rows the new one was seen."""
        bench.need_update()
        batch = 20 if bench.facts["recent_fraction"] else 8
        rounds = []
        for top in (0.9, 5.0):
            adapter = bench.filled(_CAPACITY, batch=batch)
            td = dict.fromkeys(range(_CAPACITY), 0.1)
            td[_TOP] = top
            bench.settle(adapter, td, batch)
            adapter.add(_CAPACITY, 0.0, top, False)
            rows, seen = 0, False
            while not seen and rows < _DRAWS:
                ids, _, _ = adapter.draw(batch)
                seen = _CAPACITY in ids.tolist()
                rows += len(ids)
            counts = bench.count(adapter, _DRAWS, _CAPACITY + 1, batch)
            rounds.append(
                {"top": top, "new": int(counts[_CAPACITY]), "old": int(counts[_TOP]), "seen": rows if seen else None}
            )
        return {"rounds": rounds}

    def judge(self, measured: dict[str, Any], facts: dict[str, Any]) -> Outcome:  # noqa: ARG002
        """One-sided binomial test in each round."""
        binom = statistics.scipy_stats().binom
        limit = statistics.FALSE_ALARM / 2
        smallest = 1.0
        for entry in measured["rounds"]:
            if entry["seen"] is None:
                return Outcome(Verdict.FAIL, 0.0, limit, f"a new item was not seen in {_DRAWS} draws")
            p = float(binom.cdf(entry["new"], entry["new"] + entry["old"], 0.5))
            smallest = min(smallest, p)
            if p < limit:
                message = (
                    f"with a largest TD error of {entry['top']:g}, a new item was drawn {entry['new']} times and the "
                    f"top one {entry['old']} times: new items do not get the largest priority"
                )
                return Outcome(Verdict.FAIL, p, limit, message)
        seen = max(entry["seen"] for entry in measured["rounds"])
        return Outcome(Verdict.PASS, smallest, limit, f"a new item was seen within {seen} drawn rows")
