"""Time the buffers of `experience_replay_optimizer` beside those of other libraries.

    python benchmarks/buffers.py                                   # all of it: about five minutes
    python benchmarks/buffers.py --only "1:1 loop" --rounds 3      # only measures whose names contain this
    python benchmarks/buffers.py --quick                           # one small buffer and two short rounds
    python benchmarks/buffers.py --markdown buffers.md --picture buffers.png --json buffers.json

Each library is installed into a virtual environment of its own at its first use (a few minutes and 3 GB in all; see
--environments), and runs in a process of its own that stays up. The measures go round all of them, several times, so
that a disturbance meets everybody; a time is the median over the rounds, a ratio that of two such medians. One thread
adds and learns, with the buffers as their documentation recommends them and all their checks on. A library that cannot
be installed or loaded is left out, and said so. Exit code 1 when a target is missed.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import memory
from buffers_report import Row, draw, markdown, micro
from contenders import contender
from contenders.processes import Failed, Process, default_folder, environment, workers

KERNELS = ("numba", "numpy")
PEERS = ("cpprb", "tianshou", "torchrl", "stable_baselines3", "pfrl", "flashbax", "dopamine")
VECTORS, IMAGES, FRAMES, INDEX = "vectors", "images", "frames first", "index"
MEMORY = "memory, bytes a transition"
LARGEST_RARE = 1.5  # the default set of rare events, over none


@dataclass(frozen=True)
class Measure:
    """A loop (see `Worker.loop`), and the largest ratios to each peer: with numba, and with numpy only."""

    name: str
    adds: int
    batch: int
    targets: dict[str, tuple[float, float]]
    do: str = "learn"
    workload: str = VECTORS


MEASURES = (
    Measure(
        "DQN loop (4 adds, 1 update), B=32",
        4,
        32,
        {"cpprb": (0.30, 0.65), "tianshou": (0.20, 0.40), "torchrl": (0.05, 0.08)},
    ),
    Measure("1:1 loop, B=32", 1, 32, {"cpprb": (0.40, 1.0), "tianshou": (0.25, 0.70), "torchrl": (0.06, 0.17)}),
    Measure("1:1 loop, B=256", 1, 256, {"cpprb": (0.20, 0.65), "tianshou": (0.33, 0.95), "torchrl": (0.12, 0.30)}),
    Measure("sample 1024", 0, 1024, {"cpprb": (0.17, 0.35), "tianshou": (0.40, 0.95)}, do="sample"),
    Measure("add 1", 1, 0, {"cpprb": (0.20, 0.20)}, do="add"),
    Measure("add 64", 64, 0, {"cpprb": (0.40, 0.80)}, do="many"),
    Measure(
        "images (84, 84, 4), 1:1 loop, B=32", 1, 32, {"cpprb": (0.90, 1.05), "frames": (0.75, 0.75)}, workload=IMAGES
    ),
    Measure("images (4, 84, 84), 1:1 loop, B=32", 1, 32, {"frames": (0.75, 0.75)}, workload=FRAMES),
    Measure("index only, B=256", 0, 256, {"growth": (4.5, 3.0)}, workload=INDEX),
)


@dataclass(frozen=True)
class Entry:
    """A contender as it is started and opened."""

    module: str
    workloads: tuple[str, ...]
    kernels: str = ""
    options: dict[str, Any] = field(default_factory=dict)


TEXTBOOK = {"rare_fraction": 0}
ENTRIES = {
    **{k: Entry("ours", (VECTORS, IMAGES, FRAMES), k, TEXTBOOK) for k in KERNELS},
    **{f"{k}, rare events": Entry("ours", (VECTORS,), k) for k in KERNELS},
    **{f"{k}, frames": Entry("ours", (IMAGES, FRAMES), k, {**TEXTBOOK, "frames": True}) for k in KERNELS},
    **{f"{k}, overlapping": Entry("ours", (IMAGES, FRAMES), k, {**TEXTBOOK, "frames": "overlapping"}) for k in KERNELS},
    **{f"{k}, index": Entry("ours_index", (INDEX,), k, TEXTBOOK) for k in KERNELS},
    **{peer: Entry(peer, (VECTORS, IMAGES) if peer == "cpprb" else (VECTORS,)) for peer in PEERS},
}


@dataclass
class Results:
    """Microseconds by measure, capacity and contender, one a round; and what could not be measured."""

    times: dict[str, dict[int, dict[str, list[float]]]] = field(default_factory=dict)
    versions: dict[str, list[str]] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    changed: dict[str, int] = field(default_factory=dict)  # arrays of a batch that was kept

    def median(self, measure: Measure, capacity: int, label: str) -> float | None:
        taken = self.times.get(measure.name, {}).get(capacity, {}).get(label)
        return statistics.median(taken) if taken else None


class Bench:
    """The processes of all contenders."""

    def __init__(self, options: argparse.Namespace, stack: Any) -> None:
        self.options, self.results = options, Results()
        self.up: dict[str, Process] = {}
        wanted = {measure.workload for measure in options.measures}
        for label, entry in ENTRIES.items():
            if wanted & set(entry.workloads):
                self.guard(label, self.start, label, entry, stack)

    def start(self, label: str, entry: Entry, stack: Any) -> None:
        process = Process(environment(self.options.environments, entry.module), entry.module, entry.kernels)
        stack.callback(process.close)
        self.results.versions[entry.module] = process.ask("versions")
        self.up[label] = process

    def guard(self, label: str, do: Any, *arguments: Any) -> Any:
        """What `do` returns; where it fails, the contender is left out from here on, and so are its times."""
        try:
            return do(*arguments)
        except Failed as failure:
            self.up.pop(label, None)
            self.results.left_out[label] = str(failure)
            print(f"{label} is left out: {failure}", file=sys.stderr, flush=True)

    def run(self, workload: str, capacities: tuple[int, ...]) -> None:
        """Fill buffers of these capacities at once, and go round the measures and the contenders."""
        measures = [measure for measure in self.options.measures if measure.workload == workload]
        labels = [label for label in self.up if workload in ENTRIES[label].workloads]
        labels = [label for label in labels if contender(ENTRIES[label].module).largest >= max(capacities)]
        if not measures or not labels:
            return
        print(
            f"{workload}, {', '.join(f'{c:,}' for c in capacities)}: {', '.join(labels)}", file=sys.stderr, flush=True
        )
        for capacity in capacities:
            for label in labels:
                self.guard(label, self.open, label, workload, capacity)
        for number in range(self.options.rounds + 1):
            for measure in measures:
                for capacity in capacities:
                    for label in labels[number % len(labels) :] + labels[: number % len(labels)]:
                        self.time(label, measure, capacity, kept=number > 0)  # the first round warms up
        for label in labels:
            self.guard(label, self.close, label, workload, capacities[0])

    def open(self, label: str, workload: str, capacity: int) -> None:
        if label in self.up:
            self.up[label].ask("open", workload=workload, capacity=capacity, options=ENTRIES[label].options)

    def close(self, label: str, workload: str, capacity: int) -> None:
        """Let the buffers go, ours after a look at whether a batch that is kept stays what it is."""
        if label in self.up:
            if ENTRIES[label].module == "ours":
                changed = self.up[label].ask("call", capacity=capacity, method="changed", draws=10)
                self.results.changed[f"{label}, {workload}"] = changed
            self.up[label].ask("close")

    def time(self, label: str, measure: Measure, capacity: int, kept: bool) -> None:
        alone = contender(ENTRIES[label].module).only_updated and measure.do == "sample"
        if label not in self.up or alone:
            return
        request = {"adds": measure.adds, "batch": measure.batch, "do": measure.do, "seconds": self.options.seconds}
        taken = self.guard(label, lambda: self.up[label].ask("time", capacity=capacity, **request))
        if kept and taken is not None:
            self.results.times.setdefault(measure.name, {}).setdefault(capacity, {}).setdefault(label, []).append(taken)


def ratio(over: float | None, under: float | None) -> float | None:
    return None if over is None or under is None else over / under


def judge(measures: list[Measure], results: Results) -> list[Row]:
    """Each target, with what was measured."""
    rows: list[Row] = []
    for measure in measures:
        capacities = sorted(results.times.get(measure.name, {}))
        if measure.workload == INDEX:
            rows += [growth(measure, capacities, results, kernels) for kernels in KERNELS] if capacities else []
            continue
        for capacity in capacities:
            for kernels in KERNELS:
                rows += compare(measure, capacity, kernels, results)
    return rows


def growth(measure: Measure, capacities: list[int], results: Results, kernels: str) -> Row:
    small, large = (results.median(measure, capacities[end], f"{kernels}, index") for end in (0, -1))
    target = measure.targets["growth"][KERNELS.index(kernels)]
    name = f"growth of the index, N = {capacities[0]:,} to {capacities[-1]:,}"
    return Row(
        name, capacities[-1], kernels, micro(large), "at the smallest", micro(small), ratio(large, small), target
    )


def compare(measure: Measure, capacity: int, kernels: str, results: Results) -> list[Row]:
    """Ours without rare events over each peer; with them over without; frames stored once over stacks."""
    ours = results.median(measure, capacity, kernels)
    rows = []
    for peer, targets in measure.targets.items():
        target = targets[KERNELS.index(kernels)]
        if peer == "frames":
            for label, what in (("frames", "frame dedup"), ("overlapping", "frame dedup, overlapping batches")):
                once = results.median(measure, capacity, f"{kernels}, {label}")
                name = f"{what}, {measure.name}"
                rows.append(Row(name, capacity, kernels, micro(once), "stacks", micro(ours), ratio(once, ours), target))
        else:
            theirs, loaded = results.median(measure, capacity, peer), peer not in results.left_out
            value = ratio(ours, theirs)
            rows.append(Row(measure.name, capacity, kernels, micro(ours), peer, micro(theirs), value, target, loaded))
    rare = results.median(measure, capacity, f"{kernels}, rare events")
    if measure.workload == VECTORS:
        name = f"{measure.name}: default rare-event set"
        rows.append(Row(name, capacity, kernels, micro(rare), "without", micro(ours), ratio(rare, ours), LARGEST_RARE))
    return rows


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--only", default="", metavar="MEASURE", help="only measures whose names contain MEASURE")
    parser.add_argument("--rounds", type=int, default=5, help="rounds over all contenders (default: 5)")
    parser.add_argument("--seconds", type=float, default=0.15, help="time of one measure in a round (default: 0.15)")
    parser.add_argument("--quick", action="store_true", help="two short rounds of the smallest buffers")
    parser.add_argument(
        "--environments", type=Path, default=default_folder(), metavar="DIR", help="default: %(default)s"
    )
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the tables to FILE too")
    parser.add_argument("--picture", type=Path, metavar="FILE", help="draw the times (needs matplotlib)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every time of every round")
    options = parser.parse_args()
    options.measures = [measure for measure in MEASURES if options.only.lower() in measure.name.lower()]
    options.memory = options.only.lower() in MEMORY
    if not options.measures and not options.memory:
        names = "; ".join((*(measure.name for measure in MEASURES), MEMORY))
        parser.error(f"no measure is called {options.only!r}; there are {names}")
    if options.rounds < 1 or options.seconds <= 0.0:
        parser.error("--rounds must be at least 1, and --seconds more than 0")
    if options.picture:
        try:
            import matplotlib  # noqa: F401
        except ImportError:
            parser.error("--picture needs matplotlib: pip install matplotlib")
    if options.quick:
        options.rounds, options.seconds = 2, 0.03
    options.environments = options.environments.expanduser().resolve()
    return options


def measured(options: argparse.Namespace) -> tuple[Results, list[Row]]:
    """The times, and the targets beside what was measured."""
    vectors = (100_000,) if options.quick else (100_000, 1_000_000)
    with workers() as stack:
        bench = Bench(options, stack)
        for capacity in vectors:
            bench.run(VECTORS, (capacity,))
        for images in (IMAGES, FRAMES):
            bench.run(images, (2_000 if options.quick else 10_000,))
        bench.run(INDEX, (10_000, 100_000) if options.quick else (10_000, 100_000, 1_000_000, 10_000_000))
        rows = judge(options.measures, bench.results)
        for kernels in KERNELS if options.memory else ():
            arguments = environment(options.environments, "ours"), kernels, vectors
            rows += bench.guard(f"{kernels}, memory", memory.measure, *arguments) or []
        return bench.results, rows


def main() -> int:
    options = parse()
    results, rows = measured(options)
    text = markdown(rows, results, platform.processor() or platform.machine())
    print(text)
    if options.markdown:
        options.markdown.write_text(text)
    if options.json:
        options.json.write_text(
            json.dumps({**vars(results), "rows": [row.as_dict() for row in rows]}, indent=1, sort_keys=True)
        )
    if options.picture:
        draw(results, options.picture)
    ours = [label for label in results.left_out if label not in PEERS]
    return 1 if any(row.met is False for row in rows) or any(results.changed.values()) or ours else 0


if __name__ == "__main__":
    try:
        raise SystemExit(main())
    except KeyboardInterrupt:
        raise SystemExit(130) from None
