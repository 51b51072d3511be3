"""A verification as Markdown, for a pull request or a file of the project."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from per_audit.report.frame import printable
from per_audit.report.verification_text import numbers

if TYPE_CHECKING:
    from per_audit.verify.results import TargetResult, Verification

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~])")


def render(verification: Verification) -> str:
    """The document as text, ending in a newline."""
    parts = [f"# per-audit verify: {verification.verdict.value}\n"]
    parts += [_target(target) for target in verification.targets]
    note = "" if verification.complete else " Only some checks were run."
    parts.append(f"Seed {verification.seed}, {verification.seconds:.0f} s.{note}\n")
    return "\n".join(parts)


def plain(text: str) -> str:
    """`text` on one line, without a meaning in Markdown."""
    return _SPECIAL.sub(r"\\\1", printable(" ".join(text.split())))


def _target(target: TargetResult) -> str:
    lines = [f"## {plain(target.target)}: {target.verdict.value}", ""]
    lines += [f"- {verb}: {plain(words)}" for verb, words in target.mapping.items()]
    lines += ["", "| check | verdict | statistic | time | what was found |", "|---|---|---|---|---|"]
    for check in target.checks:
        verdict = check.verdict.value if check.verdict.value == "PASS" else f"**{check.verdict.value}**"
        shown = plain(numbers(check))
        lines.append(f"| {check.check} | {verdict} | {shown} | {check.seconds:.1f} s | {plain(check.message)} |")
    return "\n".join(lines) + "\n"
