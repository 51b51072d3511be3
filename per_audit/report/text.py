"""The report for people: each finding with its code, the chain of evidence and what can be done about it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from per_audit.findings import Applicability, Finding, FixOffer, Notice, Place, Report, Severity, spot
from per_audit.report import PLAIN, Look
from per_audit.report.frame import code_frame, printable
from per_audit.report.styled import Styled, shown
from per_audit.source import shown_lines

_COLOURS = {Severity.ERROR: "bold red", Severity.WARNING: "bold yellow", Severity.INFO: "bold cyan"}
_FIX = {
    Applicability.SAFE: "fix",
    Applicability.UNSAFE: "unsafe fix",
    Applicability.MANUAL: "by hand",
    Applicability.NONE: "remedy",
}
_MAX_NOTICES = 10


def render(report: Report, look: Look = PLAIN) -> str:
    """The whole report; `look.quiet` leaves out the notices and the summary."""
    texts: list[Styled] = []
    sources: dict[str, dict[int | None, list[str]]] = {}
    for finding in report.findings:
        path = finding.place.path
        if path not in sources:
            sources[path] = shown_lines(Path(report.root, path), report.unsaved.get(path))
        texts.append(_finding(finding, sources[path].get(finding.place.cell, [])))
    if not look.quiet:
        texts += map(_notice, report.notices[:_MAX_NOTICES])
        hidden = len(report.notices) - _MAX_NOTICES
        if hidden > 0:
            texts.append(Styled(f"notice: {_count(hidden, 'more notice')}; `--format json` lists all", "dim"))
        texts.append(_summary(report))
    return shown(texts, look.colour)


def _finding(finding: Finding, source: list[str]) -> Styled:
    colour = _COLOURS[finding.severity]
    text = Styled()
    text.append(_position(finding.place), "bold")
    text.append(f": {finding.severity.value} ", colour)
    text.append(f"{finding.rule} ", colour)
    text.append(f"{finding.name}\n", "bold")
    text.append(f"  {printable(finding.message)}\n")
    text.append(code_frame(source, finding.place, colour))
    rows = [(link.role, _position(link.place), printable(link.note)) for link in finding.evidence]
    role_width = max((len(role) for role, _, _ in rows), default=0)
    place_width = max((len(place) for _, place, _ in rows), default=0)
    for role, place, note in rows:
        text.append(f"  {role:{role_width}}  ", "cyan")
        text.append(f"{place:{place_width}}  {note}".rstrip() + "\n")
    if finding.fix.title or finding.fix.reason:
        text.append(f"  {_FIX[finding.fix.applicability]}: ", "green")
        text.append(f"{printable(_offer(finding.fix))}\n")
    return text


def _offer(fix: FixOffer) -> str:
    return ": ".join(part for part in (fix.title, fix.reason) if part)


def _position(place: Place) -> str:
    return spot(printable(place.path), place.cell, place.line, place.column)


def _notice(notice: Notice) -> Styled:
    where = spot(printable(notice.path), notice.cell, notice.line)
    text = Styled("notice: ", "cyan")
    return text.append(f"{where}: {printable(notice.message)} ({notice.kind})", "not bold default")


def _summary(report: Report) -> Styled:
    scope = f"{_count(report.files, 'file')}, {_count(len(report.pipelines), 'replay pipeline')}"
    hidden = "".join(
        f", {count} {why}"
        for count, why in (
            (report.suppressed, "suppressed"),
            (report.known, "in the baseline"),
            (report.unchanged, "not touched by the changes"),
        )
        if count
    )
    if not report.findings:
        return Styled(f"No findings in {scope}{hidden}.", "bold green")
    counts = Counter(finding.severity for finding in report.findings)
    severities = ", ".join(_count(counts[kind], kind.value) for kind in Severity if counts[kind])
    text = Styled(f"Found {severities}{hidden} in {scope}.", "bold")
    fixes = Counter(finding.fix.applicability for finding in report.findings)
    offers = []
    if fixes[Applicability.SAFE]:
        offers.append(f"{fixes[Applicability.SAFE]} fixable with `per-audit fix`")
    if fixes[Applicability.UNSAFE]:
        offers.append(f"{fixes[Applicability.UNSAFE]} with `per-audit fix --unsafe-fixes`")
    if offers:
        text.append(f"\n{', '.join(offers)}.")
    return text


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 or noun == "info" else f"{number} {noun}s"
