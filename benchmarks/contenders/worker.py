"""A process that holds one contender: `python -m contenders.worker NAME`.

It reads requests, one a line: [method of `Worker`, its arguments], and answers each with a line.
"""

from __future__ import annotations

import gc
import importlib.metadata
import itertools
import json
import os
import sys
import time
import tracemalloc
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from . import contender
from .base import Contender, Transitions, transitions

if TYPE_CHECKING:
    from collections.abc import Callable

    Run = Callable[[int], None]

SETTLING = 200  # updates of 256 priorities before anything is timed, so that they differ


class Worker:
    """Answers requests by name."""

    def __init__(self, name: str) -> None:
        self.kind = contender(name)
        self.buffers: dict[int, Contender] = {}  # by capacity
        self.data: Transitions | None = None
        self.runs: dict[tuple[int, int, int, str], tuple[Run, int]] = {}

    def versions(self) -> list[str]:
        return [f"{name} {importlib.metadata.version(name)}" for name in self.kind.distributions]

    def open(self, workload: str, capacity: int, options: dict[str, Any]) -> None:
        """A buffer full of transitions."""
        self.data = transitions(workload)
        self.buffers[capacity] = self.filled(self.data, capacity, options)
        self.loop(capacity, 0, 256, "learn")(SETTLING)

    def filled(self, data: Transitions, capacity: int, options: dict[str, Any]) -> Contender:
        buffer = self.kind(capacity, data, options)
        buffer.fill()
        return buffer

    def close(self) -> None:
        self.buffers.clear()
        self.runs.clear()
        gc.collect()

    def call(self, capacity: int, method: str, **arguments: Any) -> Any:
        """What a method of the contender returns that only it has."""
        return getattr(self.buffers[capacity], method)(**arguments)

    def loop(self, capacity: int, adds: int, batch: int, do: str) -> Run:
        """Runs so many iterations: add so many transitions, then draw a batch and "learn" (update) or only "sample".

        "many": all of `adds` in one call.
        """
        assert self.data is not None
        buffer = self.buffers[capacity]
        add, sample, update, add_batch = buffer.add, buffer.sample, buffer.update, buffer.add_batch
        rows, together = itertools.cycle(self.data.rows()), self.data.first(adds)
        values = np.random.default_rng(1).exponential(1.0, (64, max(batch, 1))).astype(np.float32)
        errors = itertools.cycle([buffer.errors(row) for row in values])
        many, learn = do == "many", do == "learn"

        def run(iterations: int) -> None:
            for _ in range(iterations):
                if many:
                    add_batch(together)
                else:
                    for row in itertools.islice(rows, adds):
                        add(*row)
                if batch:
                    drawn = sample(batch)
                    if learn:
                        update(drawn, next(errors))

        return run

    def time(self, capacity: int, adds: int, batch: int, do: str, seconds: float) -> float:
        """Microseconds of an iteration, over about so many seconds; the first call warms up and finds their number."""
        key = capacity, adds, batch, do
        if key not in self.runs:
            run, count = self.loop(*key), 1
            run(3)  # what is compiled, or allocated, at first use
            while (taken := clock(run, count)) < seconds / 2:
                count *= 2
            self.runs[key] = run, max(1, round(count * seconds / taken))
        run, count = self.runs[key]
        return 1e6 * clock(run, count) / count

    def memory(self, workload: str, capacity: int, options: dict[str, Any]) -> dict[str, float]:
        """Bytes a transition of a full buffer: "payload" is the fields of the transition, "allocated" what Python and
        numpy have allocated for it, "resident" by how much the process has grown."""
        data = transitions(workload)
        self.filled(data, 1000, options)  # what is imported and compiled once is not the buffer's
        gc.collect()
        before = resident()
        buffer = self.filled(data, capacity, options)
        grown = resident() - before
        del buffer
        gc.collect()
        tracemalloc.start()
        held = [self.filled(data, capacity, options)]
        allocated, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        del held
        return {
            "payload": data.nbytes / len(data),
            "allocated": allocated / capacity,
            "resident": grown / capacity,
        }


def resident() -> int:
    """Bytes of memory that this process has now."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return 1024 * int(line.split()[1])
    raise OSError("/proc/self/status has no VmRSS")


def clock(run: Run, count: int) -> float:
    start = time.perf_counter()
    run(count)
    return time.perf_counter() - start


def main() -> None:
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a library prints is not an answer
    worker = Worker(sys.argv[1])
    for line in sys.stdin:
        request, arguments = json.loads(line)
        try:
            reply = {"answer": getattr(worker, request)(**arguments)}
        except Exception as error:  # reported beside the others' times
            reply = {"error": f"{type(error).__name__}: {error}"}
        channel.write(json.dumps(reply) + "\n")
        channel.flush()


if __name__ == "__main__":
    main()
