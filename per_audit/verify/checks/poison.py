"""Poisonous TD errors do no harm."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from per_audit.verify.check import Check
from per_audit.verify.results import Outcome, Verdict

if TYPE_CHECKING:
    from per_audit.verify.child.bench import Bench

_CAPACITY = 50
_DRAWS = 3000
_POISONS = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


class Poison(Check):
    """TD errors of 0, NaN and +-infinity are refused, or leave a buffer that still draws every other transition.

    First every TD error is set to 0: without an epsilon all mass is gone. Then, on fresh buffers, one batch is updated
    with a poisoned value among ordinary ones. Refusing (any exception from the update) is fine. Afterwards draws must
    succeed, weights be finite, no item take more than half of the draws, and every other item come up.
    """

    name = "poison"
    statistic = "poisons kept"
    error_rate = "1e-20"
    blind_spot = "poison that enters with the transition itself"
    order = 80

    def probe(self, bench: Bench) -> dict[str, Any]:
        """What each poison did, in words; None where it was refused or harmless."""
        bench.need_update()
        return {"0": self._zeros(bench), **{name: self._one(bench, value) for name, value in _POISONS.items()}}

    def _zeros(self, bench: Bench) -> str | None:
        adapter = bench.filled(_CAPACITY)
        try:
            for _ in range(200):
                ids, handles, _ = adapter.draw(8)
                try:
                    adapter.update(handles, np.zeros(len(ids)))
                except Exception:  # refused
                    return None
        except Exception as error:  # the draws broke, once enough mass was gone
            return f"after updates with 0 a draw raised {type(error).__name__}: {str(error)[:100]}"
        return self._harm(bench, adapter, None)

    def _one(self, bench: Bench, value: float) -> str | None:
        adapter = bench.filled(_CAPACITY)
        bench.settle(adapter, dict.fromkeys(range(_CAPACITY), 0.5))
        ids, handles, _ = adapter.draw(8)
        td = np.full(len(ids), 0.5)
        td[ids == ids[0]] = value
        try:
            adapter.update(handles, td)
        except Exception:  # refused
            value = 0.5
        return self._harm(bench, adapter, int(ids[0]))

    @staticmethod
    def _harm(bench: Bench, adapter: Any, poisoned: int | None) -> str | None:
        try:
            counts = bench.count(adapter, _DRAWS, _CAPACITY)
            weights = adapter.draw(8)[2]
        except Exception as error:  # a buffer that cannot be drawn from any more is the harm
            return f"a draw raised {type(error).__name__}: {str(error)[:100]}"
        if weights is not None and not np.all(np.isfinite(weights)):
            return "weights are not finite"
        share = float(counts.max() / counts.sum())
        if share > 0.5:
            return f"one item takes {share:.0%} of the draws"
        if counts[-1]:
            return "empty slots are drawn"
        lost = [tid for tid in range(_CAPACITY) if counts[tid] == 0 and tid != poisoned]
        return f"{len(lost)} other items are never drawn again" if lost else None

    def judge(self, measured: dict[str, Any], facts: dict[str, Any]) -> Outcome:
        """Any harm fails."""
        harm = {name: text for name, text in measured.items() if text}
        if harm:
            what = "priority" if facts.get("takes") == "priority" else "TD error"
            message = "; ".join(f"{what} {name}: {text}" for name, text in harm.items())
            return Outcome(Verdict.FAIL, len(harm), 0, message)
        return Outcome(Verdict.PASS, 0, 0, "0, NaN and infinities are refused or harmless")
