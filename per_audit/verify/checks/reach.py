"""Every stored slot can be drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from per_audit.verify.check import Check
from per_audit.verify.results import Outcome, Verdict

if TYPE_CHECKING:
    from per_audit.verify.child.bench import Bench

_CAPACITY = 50
_DRAWS = 4000


class Reach(Check):
    """Every stored transition, the first and the last slot included, comes up in a draw; empty slots never do.

    A full and a part-filled buffer of equal priorities are drawn from 4,000 times each: a slot with its fair share is
    missed with probability 50 * 0.98^4000 < 1e-33. Typical fault: a tree walk or a bound that is off by one leaf. Where
    it is only the oldest item of the full buffer, nothing is claimed: a class that stores each observation once cannot
    draw it, as its next observation has been overwritten. Where transitions are stored without their next
    observations, the same holds for the newest two, which have none yet.
    """

    name = "reach"
    statistic = "slots missed or drawn while empty"
    error_rate = "1e-33"
    blind_spot = "a slot whose share is wrong but not zero (see frequencies); capacities other than 50"
    order = 10

    def probe(self, bench: Bench) -> dict[str, Any]:
        """Count the draws by id."""
        size = bench.room(_CAPACITY)
        full = bench.count(bench.filled(size), _DRAWS, size)
        count = 3 * size // 5
        part = bench.count(bench.filled(size, count), _DRAWS, count)
        return {"full": full.tolist(), "part": part.tolist()}

    def judge(self, measured: dict[str, Any], facts: dict[str, Any]) -> Outcome:
        """No id may be missing, nothing else may be drawn."""
        size = len(measured["full"]) - 1
        faults: list[str] = []
        without_successor = 0
        bad = 0
        for label in ("full", "part"):
            *counts, other = measured[label]
            missed = [index for index, value in enumerate(counts) if value == 0]
            bad += len(missed) + bool(other)
            newest = {len(counts) - 1, len(counts) - 2, *([0] if label == "full" else [])}
            without_successor += len(missed) if newest.issuperset(missed) else 0
            where = "a full buffer" if label == "full" else f"a buffer with {len(counts)} of {size} slots filled"
            if missed:
                named = ", ".join(map(str, missed[:5])) + (", ..." if len(missed) > 5 else "")
                faults.append(
                    f"{where} never drew {len(missed)} of {len(counts)} items (by order of insertion: {named})"
                )
            if other:
                faults.append(f"{where} drew an empty slot {other} times")
        if bad == 1 and measured["full"][0] == 0:
            message = (
                "a full buffer never drew its oldest item, the next to be overwritten: some leave it out on purpose"
            )
            return Outcome(Verdict.INCONCLUSIVE, bad, 0, message)
        if faults and facts.get("finds_successors") and without_successor == bad:
            message = (
                f"{'; '.join(faults)}: it stores no next observations, and what is newest has none that could be drawn"
            )
            return Outcome(Verdict.INCONCLUSIVE, bad, 0, message)
        if faults:
            return Outcome(Verdict.FAIL, bad, 0, "; ".join(faults))
        return Outcome(Verdict.PASS, 0, 0, f"all {size} slots of a full buffer and of a part-filled one were drawn")
