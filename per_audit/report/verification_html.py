"""A verification as one HTML page: nothing is loaded from elsewhere, light and dark, for a screen or a phone."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from per_audit import __version__
from per_audit.report.page import page, text_of
from per_audit.report.pictures import legend, svg
from per_audit.report.verification_text import numbers

if TYPE_CHECKING:
    from per_audit.verify.results import CheckResult, TargetResult, Verdict, Verification


def render(verification: Verification) -> str:
    """The page as text, ending in a newline."""
    verdict = verification.verdict
    note = "" if verification.complete else " Only some checks were run."
    body = "".join(_target(target) for target in verification.targets)
    said = f"Seed {verification.seed}, {verification.seconds:.0f} s, version {escape(__version__)}.{note}"
    return page(f"per-audit verify: {verdict.value}", f"per-audit verify: {_verdict(verdict)}", said, body)


def _verdict(verdict: Verdict) -> str:
    return f'<span class="verdict {verdict.name}">{verdict.value}</span>'


def _target(target: TargetResult) -> str:
    mapping = "".join(f"<dt>{text_of(verb)}</dt><dd>{text_of(words)}</dd>" for verb, words in target.mapping.items())
    rows = "\n".join(_row(check) for check in target.checks)
    head = "".join(f"<th>{name}</th>" for name in ("check", "verdict", "statistic", "time", "what was found"))
    pictures = "\n".join(filter(None, (_figure(check) for check in target.checks)))
    output = f"<p>The target printed, at the end:</p><pre>{_text_lines(target.output)}</pre>\n"
    return (
        f"<section>\n<h2>{text_of(target.target)}: {_verdict(target.verdict)}</h2>\n<dl>{mapping}</dl>\n"
        f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}\n</tbody>\n</table>\n"
        f'<div class="pictures">\n{pictures}\n</div>\n{output if target.output.strip() else ""}</section>\n'
    )


def _text_lines(text: str) -> str:
    return "\n".join(text_of(line) for line in text.strip().splitlines()[-20:])


def _row(check: CheckResult) -> str:
    name = f' <span class="soft">({text_of(check.statistic_name)})</span>' if check.statistic is not None else ""
    return (
        f'<tr><td class="check">{text_of(check.check)}</td><td>{_verdict(check.verdict)}</td>'
        f'<td class="number">{text_of(numbers(check))}</td><td class="time">{check.seconds:.1f} s</td>'
        f'<td class="found">{text_of(check.message)}{name if check.statistic_name else ""}</td></tr>'
    )


def _figure(check: CheckResult) -> str:
    drawing = svg(check.picture) if check.picture is not None else ""
    if check.picture is None or not drawing:
        return ""
    title = text_of(check.picture.title)
    return f"<figure>{drawing}<figcaption>{title}: {legend(check.picture)}</figcaption></figure>"
