"""A verification for people: the inferred mapping and a table for each target."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from per_audit.report.frame import printable
from per_audit.report.styled import console_on
from per_audit.verify.results import CheckResult, TargetResult, Verdict, Verification

if TYPE_CHECKING:
    from rich.console import Console

_COLOURS = {
    Verdict.PASS: "green",
    Verdict.FAIL: "bold red",
    Verdict.REGRESSION: "bold red",
    Verdict.INCONCLUSIVE: "yellow",
    Verdict.NOT_PROVIDED: "cyan",
    Verdict.ERROR: "bold magenta",
}
_LINES_OF_OUTPUT = 5


def render(verification: Verification, colour: bool = False, width: int = 120) -> str:
    """The whole verification as text, `width` columns wide."""
    out = io.StringIO()
    console = console_on(out, colour, width)
    for target in verification.targets:
        _target(console, target)
    _summary(console, verification)
    return out.getvalue()


def _target(console: Console, target: TargetResult) -> None:
    console.print(Text.assemble((printable(target.target), "bold"), ": ", verdict_text(target.verdict)))
    for verb, words in target.mapping.items():
        console.print(Text(f"  {verb}: {printable(words)}", "dim"))
    table = Table(show_edge=False, pad_edge=False, box=None, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column("check", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    table.add_column("statistic", justify="right", no_wrap=True)
    table.add_column("seed", justify="right")
    table.add_column("time", justify="right", no_wrap=True)
    table.add_column("what was found")
    for check in target.checks:
        message = Text(printable(check.message))
        if check.statistic is not None and check.statistic_name:
            message.append(f" ({check.statistic_name})", "dim")
        table.add_row(
            check.check, verdict_text(check.verdict), numbers(check), str(check.seed), f"{check.seconds:.1f} s", message
        )
    console.print(table)
    if target.output.strip() and target.verdict in (Verdict.ERROR, Verdict.FAIL):
        console.print(Text("  the target printed, at the end:", "dim"))
        for line in target.output.strip().splitlines()[-_LINES_OF_OUTPUT:]:
            console.print(Text(f"  | {printable(line)}", "dim"))
    console.print()


def verdict_text(verdict: Verdict) -> Text:
    """The verdict in its colour."""
    return Text(verdict.value, _COLOURS[verdict])


def numbers(check: CheckResult) -> str:
    """The statistic against its threshold, as far as there are any."""
    if check.threshold is None:
        return "" if check.statistic is None else f"{check.statistic:.3g}"
    shown = "-" if check.statistic is None else f"{check.statistic:.3g}"
    return f"{shown} {check.relation} {check.threshold:.3g}"


def _summary(console: Console, verification: Verification) -> None:
    checks = [check for target in verification.targets for check in target.checks]
    counts = [(verdict, sum(1 for check in checks if check.verdict is verdict)) for verdict in Verdict]
    text = Text(f"{len(checks)} checks in {verification.seconds:.0f} s: ")
    text.append(Text(", ").join([Text(f"{count} ") + verdict_text(verdict) for verdict, count in counts if count]))
    console.print(text)
    if not verification.complete:
        console.print(Text("Only some checks were run.", "dim"))
