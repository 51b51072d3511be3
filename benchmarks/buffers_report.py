"""Tables and the picture of `buffers.py`."""

from __future__ import annotations

import itertools
import statistics
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from buffers import Results


@dataclass(frozen=True)
class Row:
    """A target and what was measured."""

    measure: str
    capacity: int
    kernels: str
    ours: str
    against: str
    theirs: str
    value: float | None  # None where it was not measured
    target: float
    needed: bool = True  # a peer that cannot be loaded is no miss

    @property
    def met(self) -> bool | None:
        if self.value is None:
            return False if self.needed else None
        return self.value <= self.target

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "met": self.met}


VERDICTS = {True: "met", False: "missed", None: "not measured"}


def digits(value: float) -> str:
    """Three digits, or more where they are before the point."""
    return f"{value:,.0f}" if value >= 100.0 else f"{value:.3g}"


def micro(value: float | None) -> str:
    return "" if value is None else f"{digits(value)} µs"


def line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def table(head: tuple[str, ...], body: Iterable[Iterable[str]]) -> list[str]:
    return [line(head), line("---" for _ in head), *map(line, body), ""]


def targets(rows: list[Row]) -> list[str]:
    """One line for each measure, number of transitions and set of kernels, with all that it is compared to."""
    body = []
    key = lambda row: (row.measure, row.capacity, row.kernels, row.ours)  # noqa: E731
    for (measure, capacity, kernels, ours), group in itertools.groupby(rows, key):
        members = list(group)
        verdicts = [VERDICTS[row.met] for row in members]
        body.append(
            (
                measure,
                f"{capacity:,}",
                kernels,
                ours or "none",
                ", ".join(f"{row.against} {row.theirs or 'none'}".strip() for row in members),
                " / ".join("-" if row.value is None else digits(row.value) for row in members),
                " / ".join(digits(row.target) for row in members),
                verdicts[0] if len(set(verdicts)) == 1 else " / ".join(verdicts),
            )
        )
    return table(("measure", "N", "kernels", "ours", "compared to", "ratio or value", "at most", ""), body)


def every_time(results: Results) -> list[str]:
    """The medians of all contenders."""
    lines = []
    for measure, capacities in results.times.items():
        medians = [{label: statistics.median(taken) for label, taken in times.items()} for times in capacities.values()]
        labels = sorted(set().union(*medians), key=lambda label: min(m[label] for m in medians if label in m))
        body = [(label, *(micro(median.get(label)) for median in medians)) for label in labels]
        lines += [f"{measure}, all buffers:", ""]
        lines += table(("buffer", *(f"N = {capacity:,}" for capacity in capacities)), body)
    return lines


def markdown(rows: list[Row], results: Results, machine: str) -> str:
    versions = ", ".join(sorted({version for several in results.versions.values() for version in several}))
    counted = {verdict: sum(row.met is met for row in rows) for met, verdict in VERDICTS.items()}
    changed = {label: count for label, count in results.changed.items() if count}
    kept = f"{len(results.changed)} buffers of ours: {changed or 'unchanged'}" if results.changed else ""
    lines = [
        f"{', '.join(f'{count} {verdict}' for verdict, count in counted.items())}. {machine}; {versions}.",
        "",
        *targets(rows),
        *([f"A batch that was kept for 10 further draws, in {kept}.", ""] if kept else []),
        *(f"{label} was left out: {reason}\n" for label, reason in results.left_out.items()),
        *every_time(results),
    ]
    return "\n".join(lines)


def draw(results: Results, path: Path) -> None:
    """The median of each contender, one panel a measure and number of transitions."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    panels = [
        (f"{measure}, N = {capacity:,}", times)
        for measure, capacities in results.times.items()
        for capacity, times in capacities.items()
    ]
    columns = min(3, len(panels))
    rows = -(-len(panels) // columns)
    figure, axes = pyplot.subplots(rows, columns, figsize=(5.4 * columns, 3.2 * rows), squeeze=False)
    for axis in axes.flat[len(panels) :]:
        axis.set_visible(False)
    for axis, (title, times) in zip(axes.flat, panels):  # noqa: B905 - the last axes may have no panel
        ordered = sorted(((statistics.median(taken), label) for label, taken in times.items()), reverse=True)
        for height, (taken, label) in enumerate(ordered):
            axis.plot(taken, height, "o", color="#1f6fb2" if label.startswith(("numba", "numpy")) else "#8a9099")
            axis.annotate(micro(taken), (taken, height), (7, 0), textcoords="offset points", va="center", fontsize=8)
        axis.set_yticks(range(len(ordered)), [label.replace("_", "-") for _, label in ordered])
        axis.set_xscale("log")
        axis.minorticks_off()  # their labels overlap, and each point has its number
        axis.set_title(title, fontsize=9)
        axis.set_xlabel("median time of an iteration, log scale; blue: this repository", fontsize=8)
        axis.tick_params(labelsize=8)
        axis.margins(x=0.25, y=0.1)
        axis.grid(axis="y", alpha=0.3)
        axis.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    figure.savefig(path, dpi=110)
