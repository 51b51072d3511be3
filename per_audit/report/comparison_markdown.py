"""A comparison as Markdown, for a pull request."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from per_audit.report.comparison_text import ROWS, cells, explained, points
from per_audit.report.verification_markdown import plain

if TYPE_CHECKING:
    from per_audit.compare.results import Comparison


def render(comparison: Comparison) -> str:
    """The document as text, ending in a newline."""
    lines = [f"# per-audit compare: {comparison.verdict.value}", "", plain(comparison.message), ""]
    lines += [f"- command: {plain(shlex.join(comparison.command))}"]
    lines += [f"- {arm.name}: {plain(arm.tree)} ({plain(arm.words)})" for arm in (comparison.before, comparison.after)]
    lines += [f"- {plain(line)}" for line in explained(comparison)]
    lines += [f"- note: {plain(note)}" for note in comparison.notes]
    if comparison.difference is not None:
        rows = zip(ROWS, cells(comparison.before), cells(comparison.after), strict=True)
        lines += ["", *_table(("", "before", "after"), rows)]
        if len(comparison.before.curve) > 1:
            lines += ["", *_table((comparison.axis, "before", "after"), points(comparison))]
    return "\n".join(lines) + f"\n\n{comparison.seconds:.0f} s.\n"


def _table(head: tuple[str, str, str], rows: object) -> list[str]:
    body = [f"| {' | '.join(plain(cell) for cell in row)} |" for row in rows]  # type: ignore[attr-defined]
    return [f"| {' | '.join(plain(name) for name in head)} |", "|---|---|---|", *body]
