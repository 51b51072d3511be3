"""The buffer of a project, constructed with the project's own arguments, its capacity included."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from per_audit.verify import statistics
from per_audit.verify.check import Check, NotProvided
from per_audit.verify.checks.frequencies import Frequencies
from per_audit.verify.child.bench import as_tds, log_grid
from per_audit.verify.results import Outcome, Verdict

if TYPE_CHECKING:
    from per_audit.verify.child.bench import Bench

_ITEMS = 50
_DRAWS = 8000
_MOST_STORED = 20_000
_SLOWEST = 0.004
_BLOCKS = 20


class AsConfigured(Check):
    """At the project's own capacity the draws follow the priorities, reach all that is stored, and beta ends within 1.

    The other checks use 50 slots. This one constructs the buffer as the project does: 50 transitions with TD errors
    on a log grid are stored and drawn 8,000 times (G-test as in `frequencies`), then a buffer is filled, beyond its
    capacity where that is at most 20,000, and drawn from 8,000 times: twenty blocks of equal size come up equally
    often (G-test; not where draws go by rank), and what was overwritten does not. Beta, where it can be read, must
    stay between 0 and 1 over these draws. Only for buffers of which the audit found how the project makes them.
    """

    name = "as-configured"
    statistic = "G"
    blind_spot = "what goes wrong only after more than 20,000 additions"
    order = 25
    of_projects = True

    def probe(self, bench: Bench) -> dict[str, Any]:
        """Counts of 50 items in a buffer of the project's size, and counts by blocks of one that was filled."""
        capacity = bench.facts.get("configured_capacity")
        if not capacity:
            raise NotProvided("the capacity that the project gives it was not found")
        try:
            size, pace = self._affordable(bench, max(capacity, _ITEMS))
            measured = self._few(bench, size)
            measured["filled"] = self._many(bench, size)
        except MemoryError:
            raise NotProvided(f"a buffer for {capacity:,} transitions needs more than --memory") from None
        return {**measured, "capacity": size, "configured": capacity, "pace": pace}

    @staticmethod
    def _affordable(bench: Bench, capacity: int) -> tuple[int, float]:
        """The capacity, a tenth of it, or less: as large as draws of `_SLOWEST` seconds allow; and what one takes."""
        slowest = 0.0
        while True:
            capacity = bench.room(capacity)
            adapter = bench.filled(capacity, _ITEMS)
            started = time.perf_counter()
            for _ in range(10):
                adapter.draw(8)
            pace = (time.perf_counter() - started) / 10
            slowest = max(slowest, pace)
            if pace <= _SLOWEST or capacity <= 20 * _ITEMS:
                return capacity, slowest
            capacity //= 10

    @staticmethod
    def _few(bench: Bench, capacity: int) -> dict[str, Any]:
        adapter = bench.filled(capacity, _ITEMS)
        td = log_grid(_ITEMS)
        updates = bench.facts["updates"]
        measured: dict[str, Any] = {"batch": 8, "td": td.tolist(), "updates": updates, "unreached": []}
        betas = [adapter.beta]
        if updates:
            measured["unreached"] = sorted(bench.settle(adapter, as_tds(td)))
        counts = bench.count(adapter, _DRAWS, _ITEMS)
        singles = bench.singles(adapter, _DRAWS, as_tds(td))
        if singles is not None:
            measured["singles"] = singles.tolist()
        betas.append(adapter.beta)
        return {**measured, "counts": counts[:-1].tolist(), "empty": int(counts[-1]), "betas": betas}

    @staticmethod
    def _many(bench: Bench, capacity: int) -> dict[str, Any]:
        """What is overwritten has ids of its own, behind those that stay."""
        stored = min(capacity, _MOST_STORED)
        stored -= stored % _BLOCKS if stored < capacity else 0
        over = stored // 4 if stored == capacity else 0
        adapter = bench.make(capacity)
        for tid in range(stored, stored + over):
            adapter.add(tid, 0.0, 1.0, False)
        for tid in range(stored):
            adapter.add(tid, 0.0, 1.0, False)
        counts = bench.count(adapter, _DRAWS, stored)
        blocks = np.bincount(np.arange(stored) * _BLOCKS // stored, counts[:-1], minlength=_BLOCKS)
        return {"stored": stored, "over": over, "blocks": blocks.tolist(), "other": int(counts[-1])}

    @staticmethod
    def _goes_by_rank(measured: dict[str, Any], facts: dict[str, Any]) -> bool:
        td = np.array(measured["td"])
        counts = np.array(measured.get("singles", measured["counts"]), dtype=np.float64)
        alpha = facts["alpha"]
        if alpha is None:
            alpha = statistics.fit_alpha(counts, statistics.shares_of_ranks(td))[0]
        return statistics.goes_by_rank(counts, td, alpha)

    def judge(self, measured: dict[str, Any], facts: dict[str, Any]) -> Outcome:
        """The few as `frequencies` judges them; then the blocks, then beta."""
        capacity, filled = int(measured["capacity"]), measured["filled"]
        limit = statistics.g_threshold(_BLOCKS, looks=2)
        where = f"with room for {capacity:,}"
        if capacity < measured["configured"]:
            where += (
                f" ({measured['configured']:,} in the project, where a draw takes {1000 * measured['pace']:.0f} ms)"
            )
        g = 0.0
        if not facts["recent_fraction"]:  # what counts as recent goes by the capacity
            few = Frequencies().judge(measured, facts)
            if few.verdict is not Verdict.PASS:
                return Outcome(few.verdict, few.statistic, few.threshold, f"{where}: {few.message}")
            g = few.statistic or 0.0
        if measured["empty"]:
            return Outcome(Verdict.FAIL, g, limit, f"{where} and {_ITEMS} stored: empty slots were drawn")
        if filled["other"]:
            message = f"{where} and filled: {filled['other']} draws of empty or overwritten slots"
            return Outcome(Verdict.FAIL, math.inf, limit, message)
        counts = np.array(filled["blocks"], dtype=np.float64)
        block = np.arange(filled["stored"]) * _BLOCKS // filled["stored"]
        sizes = np.bincount(block, minlength=_BLOCKS)
        law = statistics.mixture(np.ones(filled["stored"]), facts, 8, alpha=1.0)
        expected = np.bincount(block, law, minlength=_BLOCKS).astype(np.float64)
        blocks = statistics.g_statistic(counts, expected)
        if facts["updates"] and self._goes_by_rank(measured, facts):
            blocks = 0.0  # equal priorities have ranks of their own, so that equal blocks are not expected
        if blocks > limit and (facts["updates"] or not facts.get("undriven")):
            worst = int(np.argmax(np.abs(counts / counts.sum() - expected)))
            off = counts[worst] / counts.sum() / expected[worst]
            message = (
                f"{where} and {filled['stored']:,} stored: the {int(sizes[worst]):,} transitions from number "
                f"{int(sizes[:worst].sum()):,} on are drawn {off:.2f} times as often as they should be"
            )
            return Outcome(Verdict.FAIL if facts["updates"] else Verdict.INCONCLUSIVE, blocks, limit, message)
        first, last = measured["betas"]
        if last is not None and not -1e-9 <= last <= 1.0 + 1e-9:
            return Outcome(
                Verdict.FAIL, blocks, limit, f"beta grows beyond 1: {last:.3f} after some {_DRAWS // 8} draws"
            )
        note = f"{where}: {_ITEMS} and {filled['stored']:,} stored transitions are drawn as they must be"
        if filled["over"]:
            note += f", {filled['over']:,} overwritten ones are not"
        if first is not None and last is not None and last != first:
            note += f"; beta went from {first:.3g} to {last:.3g}"
        return Outcome(Verdict.PASS, max(g, blocks), max(limit, statistics.g_threshold(_ITEMS, looks=2)), note)
