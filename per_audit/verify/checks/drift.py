"""The sum of the priorities stays the sum of the priorities."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import numpy as np

from per_audit.verify import statistics
from per_audit.verify.check import Check
from per_audit.verify.child.bench import as_tds, log_grid
from per_audit.verify.results import Outcome, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from per_audit.verify.child.bench import Bench

_CAPACITY = 50
_UPDATES = 1500
_DRAWS = 8000
_TOLERANCE = 1e-4


class Drift(Check):
    """After 1,500 batches of TD errors over nine decades the root of the sum tree is still the sum of its leaves.

    The tree is looked for among the object's arrays and recognised because its nodes are those sums at the start; the
    largest difference of a node and its children must stay below 1e-4 of the root. With or without a tree, the draws
    before and after are compared: sums that are kept by adding differences, above all in float32, drift until draws
    fall beyond the last leaf.
    """

    name = "drift"
    statistic = "largest |node - sum of children| / root"
    blind_spot = "drift that needs more than 12,000 updates, where no tree was found"
    order = 100

    def probe(self, bench: Bench) -> dict[str, Any]:
        """Trees before and after, and counts after."""
        bench.need_update()
        batch = 20 if bench.facts["recent_fraction"] else 8
        td = log_grid(_CAPACITY)
        adapter = bench.filled(_CAPACITY, batch=batch)
        missed = bench.settle(adapter, as_tds(td), batch)
        before = bench.count(adapter, _DRAWS, _CAPACITY, batch)[:-1]
        trees = [tree for tree in _trees(adapter.buffer) if _gap(tree()) < _TOLERANCE]
        rng = np.random.default_rng(bench.seed)
        for _ in range(_UPDATES):
            _, handles, _ = adapter.draw(batch)
            adapter.update(handles, 10.0 ** rng.uniform(-1.0, 8.0, batch))
        missed |= bench.settle(adapter, as_tds(td), batch)
        counts = bench.count(adapter, _DRAWS, _CAPACITY, batch)
        gaps = [_gap(tree()) for tree in trees]
        return {
            "gap": max(gaps) if gaps else None,
            "before": before.tolist(),
            "counts": counts[:-1].tolist(),
            "td": td.tolist(),
            "missed": len(missed),
        }

    def judge(self, measured: dict[str, Any], facts: dict[str, Any]) -> Outcome:  # noqa: ARG002
        """The gap where a tree was found, and in any case the draws before against those after."""
        gap = measured["gap"]
        td, counts = np.array(measured["td"]), np.array(measured["counts"], dtype=np.float64)
        if gap is not None and not gap <= _TOLERANCE:
            return Outcome(
                Verdict.FAIL,
                gap,
                _TOLERANCE,
                f"the sum tree has drifted: its nodes are off by {gap:.2g} of the sum of the leaves",
            )
        # A law that was wrong from the start is the finding of `frequencies`: only what drifted counts here.
        p = statistics.same_law(np.array(measured["before"], dtype=np.float64), counts)
        if p < statistics.FALSE_ALARM and measured["missed"]:
            message = f"{measured['missed']} items were never drawn to be updated, so the laws cannot be compared"
            return Outcome(Verdict.INCONCLUSIVE, gap, _TOLERANCE, message)
        if p < statistics.FALSE_ALARM:
            alpha = statistics.fit_alpha(counts, td)[0]
            message = (
                f"after the updates the draws are no longer what they were before (alpha = {alpha:.2f}, p = {p:.1g})"
            )
            return Outcome(Verdict.FAIL, gap, _TOLERANCE, message)
        found = "the draws are what they were before" if gap is None else "the root is still the sum of the leaves"
        return Outcome(Verdict.PASS, gap, _TOLERANCE, found)


def _trees(buffer: Any) -> list[Callable[[], Any]]:
    """Getters of the object's attributes, and those of its parts, that hold enough numbers to be a heap."""
    found: list[Callable[[], Any]] = []
    seen: set[int] = set()
    level = [buffer]
    for _ in range(4):
        deeper: list[Any] = []
        for owner in level:
            names = list(getattr(owner, "__dict__", ())) + [
                n for k in type(owner).__mro__ for n in getattr(k, "__slots__", ())
            ]
            for name in names:
                value = getattr(owner, name, None)
                if id(value) in seen:
                    continue
                seen.add(id(value))
                if _heap(value) is not None:
                    found.append(functools.partial(_heap_of, owner, name))
                elif hasattr(value, "__dict__") or hasattr(type(value), "__slots__"):
                    deeper.append(value)
        level = deeper
    return found


def _heap_of(owner: Any, name: str) -> Any:
    return _heap(getattr(owner, name))


def _heap(value: Any) -> Any:
    if hasattr(value, "detach") and hasattr(value, "numpy"):
        value = value.detach().cpu().numpy()
    if isinstance(value, list) and len(value) < 2 * _CAPACITY - 1:
        return None
    if isinstance(value, list) and not all(isinstance(item, (int, float, np.number)) for item in value):
        return None
    if not isinstance(value, (list, np.ndarray)):
        return None
    array = np.array(value, dtype=np.float64) if isinstance(value, list) or value.dtype.kind == "f" else np.zeros(0)
    return array if array.ndim == 1 and 2 * _CAPACITY - 1 <= array.size <= 8 * _CAPACITY else None


def _gap(heap: Any) -> float:
    """The largest difference of a node and its two children, relative to the root, in the better fitting of the two
    usual layouts; 1 for no tree. The root alone would not do: its rounding errors may happen to cancel.
    """
    size = heap.size
    if size % 2:
        root, nodes, children = heap[0], heap[: size // 2], heap[1::2] + heap[2::2]
    else:
        root, nodes, children = heap[1], heap[1 : size // 2], heap[2::2] + heap[3::2]
    leaves = heap[size // 2 :].sum()
    if not (root > 0 and leaves > 0):
        return 1.0
    return float(max(np.max(np.abs(nodes - children)) / root, abs(root / leaves - 1.0)))
