"""A full buffer does not grow."""

from __future__ import annotations

import gc
import itertools
import sys
import tracemalloc
from typing import TYPE_CHECKING, Any

import numpy as np

from per_audit.verify.check import Check
from per_audit.verify.results import Outcome, Verdict

if TYPE_CHECKING:
    from per_audit.verify.child.bench import Bench

_CAPACITY = 64
_WINDOW = 4000
_WINDOWS, _MOST_WINDOWS = 3, 9
_MOST_IDS = 30_000  # that a column of bytes can tell apart
_LIMIT = 2.0
# Pages and allocator arenas come in lumps: a true leak shows in every window, and well above this.
_RESIDENT_LIMIT = 24.0


class Memory(Check):
    """Memory of a full buffer does not grow with further additions, draws and updates.

    After a warm-up of three times the capacity, three windows of 4,000 additions, each with draws and updates, are
    measured: bytes traced by tracemalloc, resident memory, and bytes of live torch tensors (which tracemalloc does not
    see). Growth above 2 bytes an addition (24 for resident memory) in every window that does not fall fails; where the
    three windows say so, it must hold in six more, as what fills up slowly is no leak.
    """

    name = "memory"
    statistic = "bytes an addition, smallest window"
    blind_spot = (
        "leaks below 2 bytes an addition; memory on an accelerator; leaks in code that only the training loop calls"
    )
    order = 70

    def probe(self, bench: Bench) -> dict[str, Any]:
        """Bytes at the borders of the windows."""
        adapter = bench.make(_CAPACITY)
        updates = bench.facts["updates"]
        self._run(adapter, 0, 3 * _CAPACITY, updates)
        tracemalloc.start()
        try:
            marks: list[list[int | None]] = []
            # The first window settles what tracing itself and lazy caches allocate; it is not judged.
            while len(marks) <= _WINDOWS or (len(marks) <= _MOST_WINDOWS and _leaks(marks)):
                self._run(adapter, 3 * _CAPACITY + len(marks) * _WINDOW, _WINDOW, updates)
                gc.collect()
                marks.append([tracemalloc.get_traced_memory()[0], _resident(), _tensor_bytes()])
        finally:
            tracemalloc.stop()
        return {"marks": marks, "different": self._different(bench, adapter)}

    @staticmethod
    def _different(bench: Bench, adapter: Any) -> int:
        """How many different transitions 2,000 draws hold: what `len` says may be the number of additions."""
        return int(np.count_nonzero(bench.count(adapter, 2000, _MOST_IDS)[:-1]))

    @staticmethod
    def _run(adapter: Any, first: int, count: int, updates: bool) -> None:
        for tid in range(first, first + count):
            adapter.add(tid % _MOST_IDS, 0.1 * (tid % 5), 0.5, tid % 50 == 0)
            if tid % 10 == 0 and tid >= 50:
                ids, handles, _ = adapter.draw(8)
                if updates:
                    adapter.update(handles, 0.1 + (ids % 9) / 10.0)

    def judge(self, measured: dict[str, Any], facts: dict[str, Any]) -> Outcome:  # noqa: ARG002
        """Growth an addition in each window, for each measure."""
        different = measured["different"]
        if different > 4 * _CAPACITY:
            message = f"draws {different} different transitions with a capacity of {_CAPACITY}: nothing is overwritten"
            return Outcome(Verdict.FAIL, None, _LIMIT, message)
        marks = measured["marks"]
        additions = (len(marks) - 1) * _WINDOW
        leak = _leaks(marks)
        if leak is not None:
            label, growth = leak
            message = f"{label} grows by {growth:.1f} bytes an addition, over {additions} additions"
            return Outcome(Verdict.FAIL, growth, _LIMIT, message)
        traced = _growth(marks, 0)
        return Outcome(Verdict.PASS, max(min(traced or [0.0]), 0.0), _LIMIT, f"no growth over {additions} additions")


def _leaks(marks: list[list[int | None]]) -> tuple[str, float] | None:
    """The measure that grows in every window, without falling, and by how many bytes an addition at least; or None."""
    for column, label, limit in (
        (0, "traced memory", _LIMIT),
        (2, "live tensors", _LIMIT),
        (1, "resident memory", _RESIDENT_LIMIT),
    ):
        growth = _growth(marks, column)
        if growth and min(growth) > limit and growth[-1] > 0.5 * growth[0]:
            return label, min(growth)
    return None


def _growth(marks: list[list[int | None]], column: int) -> list[float]:
    """Bytes an addition in each window; empty where the system does not tell."""
    values = [mark[column] for mark in marks]
    return [(b - a) / _WINDOW for a, b in itertools.pairwise(values) if a is not None and b is not None]


def _resident() -> int | None:
    try:
        with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123
            return int(file.read().split()[1]) * 4096
    except (OSError, ValueError, IndexError):
        return None


def _tensor_bytes() -> int | None:
    torch = sys.modules.get("torch")
    if torch is None:
        return None
    storages: dict[int, int] = {}
    for item in gc.get_objects():
        if type(item) is torch.Tensor:
            storage = item.untyped_storage()
            storages[storage.data_ptr()] = storage.nbytes()
    return sum(storages.values())
