"""Hours of use in minutes: one thread adds, another samples and updates the same buffer.

    python benchmarks/soak.py                                       # 1e8 adds and 1e6 samples, 30 minutes at most
    python benchmarks/soak.py --minutes 1 --adds 1e6 --samples 2e4
    EXPERIENCE_REPLAY_KERNELS=numpy python benchmarks/soak.py

Every transition carries its number, so each batch is checked: whole rows, and those that the handles stand for. At the
end the counts must be exact, neither thread may have raised, and the memory must be flat since the buffer was first
full. Uses the kernels of the Python that it runs in. Exit code 1 if anything fails.
"""

from __future__ import annotations

import argparse
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from contenders.worker import resident

sys.path.insert(0, str(Path(__file__).parents[1] / "reference_impl"))

if TYPE_CHECKING:
    from collections.abc import Callable

STATES = np.repeat(np.arange(4096, dtype=np.float32)[:, None], 8, axis=1)  # by the number of the transition
CHUNK = 64  # transitions added one by one, and then as many at once
FLAT = 8 * 2**20  # bytes that the process may grow by once the buffer is full


class Soak:
    """Two threads at one buffer. Without rare events, the handle of a transition is its number."""

    def __init__(self, options: argparse.Namespace) -> None:
        from experience_replay_optimizer import PrioritizedReplayBuffer

        self.adds, self.samples, self.batch = int(options.adds), int(options.samples), options.batch
        self.buffer = PrioritizedReplayBuffer(int(options.capacity), rare_fraction=0, seed=0)
        self.stop = threading.Event()
        self.errors: list[str] = []
        self.added = self.sampled = self.torn = 0
        self.stale = [0, 0]  # the least and the most that may have been stale

    def write(self) -> None:
        """Adds `CHUNK` transitions, one by one and together in turns."""
        add, add_batch, size = self.buffer.add, self.buffer.add_batch, len(STATES)
        together = False
        while self.added < self.adds and not self.stop.is_set():
            count = min(CHUNK, self.adds - self.added)
            numbers = np.arange(self.added, self.added + count)
            states, following = STATES[numbers % size], STATES[(numbers + 1) % size]
            if together:
                add_batch(states, numbers, np.zeros(count), following, np.zeros(count, bool))
            else:
                for row in zip(states, numbers.tolist(), following, strict=True):
                    add(row[0], row[1], 0.0, row[2], False)
            together = not together
            self.added += count

    def learn(self) -> None:
        """Draws, checks the rows and updates."""
        rng, capacity, size = np.random.default_rng(1), self.buffer.capacity, len(STATES)
        while len(self.buffer) < self.batch and not self.stop.is_set():
            time.sleep(0.001)
        while self.sampled < self.samples and not self.stop.is_set():
            batch, _, indices = self.buffer.sample(self.batch)
            states, following = batch.states, batch.next_states
            whole = (states == (batch.actions % size)[:, None]) & (following == ((batch.actions + 1) % size)[:, None])
            self.torn += int(np.count_nonzero(~whole.all(axis=1) | (batch.actions != indices)))
            errors = rng.exponential(1.0, self.batch)
            least = self.added
            self.buffer.update_priorities(indices, errors)
            most = self.added + CHUNK  # what the writer has not counted yet
            self.stale[0] += int(np.count_nonzero(indices < least - capacity))
            self.stale[1] += int(np.count_nonzero(indices < most - capacity))
            self.sampled += 1

    def guarded(self, work: Callable[[], None]) -> Callable[[], None]:
        def run() -> None:
            try:
                work()
            except Exception as error:  # an exception in a thread would only be printed
                self.errors.append(f"{work.__name__}: {type(error).__name__}: {error}")
                self.stop.set()

        return run

    def run(self, minutes: float) -> list[int]:
        """Both threads to their ends, or so many minutes. Returns the memory since the buffer was full."""
        threads = [threading.Thread(target=self.guarded(work)) for work in (self.write, self.learn)]
        end, shown, memory = time.monotonic() + 60.0 * minutes, 0.0, []
        for thread in threads:
            thread.start()
        try:
            while any(thread.is_alive() for thread in threads) and time.monotonic() < end:
                time.sleep(0.1)
                if len(self.buffer) == self.buffer.capacity and self.sampled:
                    memory.append(resident())
                if time.monotonic() > shown + 10.0:
                    shown = time.monotonic()
                    seen = f"{self.added:,} added, {self.sampled:,} samples, {resident() / 2**20:.1f} MiB"
                    print(seen, file=sys.stderr, flush=True)
        finally:
            self.stop.set()
            for thread in threads:
                thread.join()
        return memory

    def checks(self, memory: list[int]) -> list[tuple[str, bool, str]]:
        buffer, seen = self.buffer, memory[len(memory) // 10 :]
        first, last = (seen[0], seen[-1]) if seen else (0, 0)
        drawn = self.sampled * self.batch
        least, most = self.stale
        return [
            ("no error", not self.errors, "; ".join(self.errors) or "in either thread"),
            (
                "to the end",
                (self.added, self.sampled) == (self.adds, self.samples),
                f"{self.added:,} of {self.adds:,} adds, {self.sampled:,} of {self.samples:,} samples",
            ),
            (
                "whole rows",
                not self.torn,
                f"{self.torn:,} of {drawn:,} rows are not the transition that the handle stands for",
            ),
            (
                "length",
                len(buffer) == min(self.added, buffer.capacity),
                f"{len(buffer):,} stored, capacity {buffer.capacity:,}",
            ),
            (
                "updates",
                least <= buffer.stale_updates <= most,
                f"{buffer.stale_updates:,} stale ({least:,} to {most:,} were overwritten before),"
                f" {drawn - buffer.stale_updates:,} applied, {drawn:,} in all",
            ),
            (
                "memory flat",
                bool(seen) and last - first <= FLAT,
                f"{first / 2**20:.1f} MiB after the warm-up, {last / 2**20:.1f} MiB at the end, {len(seen)} readings",
            ),
        ]


def parse() -> Any:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--minutes", type=float, default=30.0, help="at most so long (default: 30)")
    parser.add_argument("--adds", type=float, default=1e8, help="transitions to add (default: 1e8)")
    parser.add_argument("--samples", type=float, default=1e6, help="batches to draw and update (default: 1e6)")
    parser.add_argument("--batch", type=int, default=32, help="transitions in a batch (default: 32)")
    parser.add_argument("--capacity", type=float, default=1e5, help="transitions in the buffer (default: 1e5)")
    return parser.parse_args()


def main() -> int:
    options = parse()
    soak = Soak(options)
    checks = soak.checks(soak.run(options.minutes))
    for name, passed, seen in checks:
        print(f"{'PASS' if passed else 'FAIL'}  {name:<12} {seen}")
    return 0 if all(passed for _, passed, _ in checks) else 1


if __name__ == "__main__":
    try:
        raise SystemExit(main())
    except KeyboardInterrupt:
        raise SystemExit(130) from None
