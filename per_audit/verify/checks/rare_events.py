"""Rare events outlive ordinary insertions."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from per_audit.verify.check import Check
from per_audit.verify.results import Outcome, Picture, Series, Verdict

if TYPE_CHECKING:
    from per_audit.verify.child.bench import Bench

_CLAIM = re.compile(r"(?<![a-z])(rare|protect)", re.IGNORECASE)
_CAPACITY = 200
_RARE = 5
_DRAWS = 8000


class RareEvents(Check):
    """Transitions with a rare reward are still stored after three times the capacity of ordinary ones.

    50 ordinary rewards near 0.1, five of 10, then 600 ordinary ones into 200 slots; 8,000 draws look for the five. A
    plain first-in-first-out buffer does not offer this (NOT PROVIDED). One that says it does (a `rare` or `protect` in
    its names) and loses some fails; where it loses all, a share of rare events must be configured for a FAIL.
    """

    name = "rare-events"
    statistic = "rare events that survived"
    relation = ">="
    error_rate = "1e-15"
    blind_spot = "other definitions of rare than a reward far from the mean"
    order = 60

    def probe(self, bench: Bench) -> dict[str, Any]:
        """Count the draws of the rare ones."""
        adapter = bench.make(_CAPACITY, 20)
        tid = 0
        for count, reward in ((50, 0.1), (_RARE, 10.0), (3 * _CAPACITY, 0.1)):
            for step in range(count):
                adapter.add(tid, reward + 0.001 * (step % 7 - 3), 1.0, False)
                tid += 1
        counts = bench.count(adapter, _DRAWS, tid, 20)
        share = bench.facts["rare_fraction"]
        claims = bool(share) or (share is None and any(_CLAIM.search(name) for name in dir(adapter.buffer)))
        return {"drawn": counts[50 : 50 + _RARE].tolist(), "claims": claims}

    def judge(self, measured: dict[str, Any], facts: dict[str, Any]) -> Outcome:
        """All, some or none."""
        drawn = measured["drawn"]
        alive = sum(1 for value in drawn if value)
        if alive == _RARE:
            share = sum(drawn) / _DRAWS
            return Outcome(Verdict.PASS, alive, _RARE, f"all {_RARE} survived and make up {share:.1%} of the draws")
        if measured["claims"] and (alive or facts["rare_fraction"]):
            return Outcome(Verdict.FAIL, alive, _RARE, f"{_RARE - alive} of {_RARE} rare events were overwritten")
        if measured["claims"]:
            message = "none survived, though the class speaks of rare events: its own notion of rare may be another"
            return Outcome(Verdict.INCONCLUSIVE, alive, _RARE, message)
        if alive:
            return Outcome(
                Verdict.INCONCLUSIVE, alive, _RARE, f"{alive} of {_RARE} survived: items are not evicted in order"
            )
        return Outcome(Verdict.NOT_PROVIDED, alive, _RARE, "the oldest item is overwritten first, rare or not")

    def picture(self, measured: dict[str, Any], facts: dict[str, Any]) -> Picture | None:  # noqa: ARG002
        """How often each rare transition came up after all the ordinary ones."""
        drawn = tuple((float(number + 1), float(count)) for number, count in enumerate(measured["drawn"]))
        fair = _DRAWS / _CAPACITY
        series = (
            Series("drawn", drawn, "bars", True),
            Series("an even share", ((0.5, fair), (_RARE + 0.5, fair)), "line", False),
        )
        return Picture("Survival of rare events", "rare event", f"draws of {_DRAWS:,}", series)
