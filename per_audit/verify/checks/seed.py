"""Equal seeds give equal draws."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from per_audit.verify.check import Check
from per_audit.verify.child.bench import seed_everything
from per_audit.verify.results import Outcome, Verdict

if TYPE_CHECKING:
    from per_audit.verify.child.bench import Bench

_CAPACITY = 50
_BATCHES = 40


class Seed(Check):
    """Two buffers with equal seeds draw the same transitions in the same order.

    Where the class takes a seed, the global generators are seeded differently in the two runs, so that only the class's
    own seed can make them agree, and another seed must change the draws. Where it takes none, seeding the global
    generators of random, numpy and torch must suffice.
    """

    name = "seed"
    statistic = "rows that differ"
    error_rate = "1e-300"
    blind_spot = "other sources of chance, such as the order of a set or threads"
    order = 90

    def probe(self, bench: Bench) -> dict[str, Any]:
        """Rows of four runs."""
        takes = bench.facts["takes_seed"]
        runs = {
            "first": self._run(bench, 7, 7),
            "again": self._run(bench, 7, 8 if takes else 7),
            "other": self._run(bench, 9, 9),
            "global": self._run(bench, 7, 7),
        }
        return {name: rows.tolist() for name, rows in runs.items()} | {"takes": takes}

    @staticmethod
    def _run(bench: Bench, seed: int, everything: int) -> Any:
        seed_everything(everything)
        adapter = bench.filled(_CAPACITY, seed=seed)
        drawn = []
        for _ in range(_BATCHES):
            ids, handles, _ = adapter.draw(8)
            if bench.facts["updates"]:
                adapter.update(handles, 0.1 + (ids % 7) / 10.0)
            drawn.append(ids)
        return np.concatenate(drawn)

    def judge(self, measured: dict[str, Any], facts: dict[str, Any]) -> Outcome:  # noqa: ARG002
        """Equal where it must be, different where it must be."""
        first = np.array(measured["first"])

        def differs(name: str) -> int:
            other = np.array(measured[name])
            return int(np.sum(first != other)) if first.shape == other.shape else first.size

        changed = differs("again")
        if changed and measured["takes"] and not differs("global"):
            message = "the seed argument is ignored: draws follow the global generators"
            return Outcome(Verdict.FAIL, changed, 0, message)
        if changed:
            return Outcome(Verdict.FAIL, changed, 0, "draws cannot be reproduced: equal seeds gave different draws")
        if not differs("other"):
            return Outcome(Verdict.FAIL, 0, 0, "another seed gives the very same draws")
        how = "by its seed argument" if measured["takes"] else "by seeding the global generators"
        return Outcome(Verdict.PASS, 0, 0, f"draws are reproduced {how}")
