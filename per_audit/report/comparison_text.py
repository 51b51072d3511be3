"""A comparison for people: the verdict, both arms, their curves in numbers."""

from __future__ import annotations

import io
import shlex
import statistics
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from per_audit.report.frame import printable
from per_audit.report.styled import console_on
from per_audit.report.verification_text import verdict_text

if TYPE_CHECKING:
    from per_audit.compare.results import Arm, Comparison, Interval

ROWS = ("runs", "did not finish", "mean over the horizon", "at its end", "steps to the level", "seconds a run")
POINTS = 6


def render(comparison: Comparison, colour: bool = False, width: int = 120) -> str:
    """The whole comparison as text, `width` columns wide."""
    out = io.StringIO()
    console = console_on(out, colour, width)
    console.print(Text(printable(shlex.join(comparison.command)), "bold"))
    for arm in (comparison.before, comparison.after):
        console.print(Text(f"  {arm.name}: {printable(arm.tree)} ({printable(arm.words)})", "dim"))
    for line in explained(comparison):
        console.print(Text(f"  {printable(line)}", "dim"))
    if comparison.difference is not None:
        console.print()
        console.print(_arms(comparison))
        if len(comparison.before.curve) > 1:
            console.print()
            console.print(_curves(comparison))
    console.print()
    for note in comparison.notes:
        console.print(Text(f"note: {printable(note)}"))
    console.print(Text.assemble(verdict_text(comparison.verdict), f": {printable(comparison.message)}"))
    console.print(Text(f"{comparison.seconds:.0f} s.", "dim"))
    return out.getvalue()


def explained(comparison: Comparison) -> list[str]:
    """What is compared, in whole sentences."""
    if comparison.difference is None:
        return [f"metric: {comparison.metric} ({comparison.source})"]
    better = "lower is better" if comparison.lower_is_better else "higher is better"
    where = (
        f"from {comparison.axis} {comparison.start:g} to {comparison.end:g}"
        if comparison.end > comparison.start
        else "one value a run"
    )
    lines = [f"metric: {comparison.metric} ({comparison.source}), {better}; {where}"]
    if comparison.level is not None:
        lines.append(f"level: {comparison.level:.4g}, nine tenths of the way that `before` goes")
    lines.append("interquartile means over the seeds, with 95 % bootstrap intervals")
    return lines


def cells(arm: Arm) -> list[str]:
    """The numbers of one arm, in the order of ROWS."""
    steps = "-"
    if arm.steps_to_level is not None:
        steps = number(arm.steps_to_level)
    if arm.curve and len(arm.curve) > 1:
        steps += f", reached by {arm.reached} of {len(arm.runs)}"
    return [str(len(arm.runs)), str(arm.unfinished), number(arm.score), number(arm.final), steps, _seconds(arm)]


def _seconds(arm: Arm) -> str:
    """The median of the runs that finished."""
    finished = [run.seconds for run in arm.runs if run.curve is not None]
    return f"{statistics.median(finished):.3g}" if finished else "-"


def number(interval: Interval | None) -> str:
    """A number with its interval, as far as there is one."""
    if interval is None:
        return "-"
    if interval.low is None or interval.high is None:
        return f"{interval.value:.4g}"
    return f"{interval.value:.4g} [{interval.low:.4g}, {interval.high:.4g}]"


def points(comparison: Comparison) -> list[tuple[str, str, str]]:
    """Some points of the curves: the step, and the interquartile mean of each arm."""
    before, after = comparison.before.curve, comparison.after.curve
    last = len(before) - 1
    places = [round(last * part / (POINTS - 1)) for part in range(POINTS)]
    return [(f"{before[place][0]:g}", f"{before[place][1]:.4g}", f"{after[place][1]:.4g}") for place in places]


def _arms(comparison: Comparison) -> Table:
    table = _table("", "before", "after")
    for name, first, second in zip(ROWS, cells(comparison.before), cells(comparison.after), strict=True):
        table.add_row(name, first, second)
    return table


def _curves(comparison: Comparison) -> Table:
    table = _table(printable(comparison.axis), "before", "after")
    for row in points(comparison):
        table.add_row(*row)
    return table


def _table(*names: str) -> Table:
    table = Table(show_edge=False, pad_edge=False, box=None, header_style="bold", padding=(0, 3, 0, 0))
    for name in names:
        table.add_column(name, no_wrap=True)
    return table
