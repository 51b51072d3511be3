"""Applies the suppression comments of the audited files to the findings, and reports the comments that are amiss."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from per_audit.catalogue.housekeeping import SUPPRESSION_WITHOUT_REASON, UNUSED_SUPPRESSION
from per_audit.findings import Applicability, Finding, FixOffer, Notice, Place
from per_audit.source import DecodingError, SourceFile, Suppression, decode, find_suppressions
from per_audit.source.layout import Position
from per_audit.source.suppressions import MARK

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from per_audit.catalogue import Catalogue
    from per_audit.rule import Rule
    from per_audit.source import Layout


@dataclass(frozen=True, slots=True)
class _Waiver:
    """One rule of one comment."""

    path: str
    comment: Suppression
    rule: Rule
    layout: Layout | None


class Suppressor:
    """Collects the comments of all files, then says which findings stay."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self.notices: list[Notice] = []
        self._waivers: dict[str, list[_Waiver]] = {}

    def read(self, file: SourceFile) -> None:
        """Take in the comments of a file."""
        if MARK not in file.data:
            return
        try:
            comments = find_suppressions(decode(file.data))
        except DecodingError:
            return
        for comment in comments:
            if comment.problem:
                self._notice(file, comment, "bad-suppression", comment.problem)
            for name in comment.rules if not comment.problem else ():
                rule = self._catalogue.find(name)
                if rule is None:
                    message = f"unknown rule {name!r} in a suppression; {self._catalogue.suggest(name)}"
                    self._notice(file, comment, "unknown-rule", message)
                else:
                    waiver = _Waiver(file.relative, comment, rule, file.layout)
                    self._waivers.setdefault(file.relative, []).append(waiver)

    def apply(self, findings: Sequence[Finding], rules: Sequence[Rule]) -> tuple[list[Finding], list[Finding]]:
        """The findings that no comment suppresses, and findings about the comments, for the `rules` that are on."""
        used: set[_Waiver] = set()
        kept = []
        for finding in findings:
            waivers = [waiver for waiver in self._waivers.get(finding.place.path, ()) if _holds(waiver, finding)]
            used.update(waivers)
            if not waivers:
                kept.append(finding)
        on = {rule.code for rule in rules}
        waivers = [waiver for waivers in self._waivers.values() for waiver in waivers]
        about: list[Finding] = []
        if UNUSED_SUPPRESSION.code in on:
            about += _unused(waiver for waiver in waivers if waiver.rule.code in on and waiver not in used)
        if SUPPRESSION_WITHOUT_REASON.code in on:
            about += _without_reason(waivers)
        return kept, about

    def _notice(self, file: SourceFile, comment: Suppression, kind: str, message: str) -> None:
        cell, line, _ = _position(comment, file.layout)
        self.notices.append(Notice(file.relative, line, kind, message, cell))


def _position(comment: Suppression, layout: Layout | None) -> Position:
    """Where people find the comment."""
    position = Position(None, comment.line, comment.column)
    return position if layout is None else layout.locate(comment.line, comment.column)


def _holds(waiver: _Waiver, finding: Finding) -> bool:
    if waiver.rule.code != finding.rule:
        return False
    cell, line = finding.place.cell, finding.place.line
    return waiver.comment.covers(line if waiver.layout is None else waiver.layout.module_line(cell, line))


def _unused(waivers: Iterable[_Waiver]) -> Iterable[Finding]:
    for waiver in waivers:
        message = f"nothing to suppress here: {waiver.rule.code} ({waiver.rule.name}) has no finding"
        reason = "delete the comment by hand; its words may still be of use"
        yield _about(UNUSED_SUPPRESSION, waiver, message, "Delete the comment", reason)


def _without_reason(waivers: Iterable[_Waiver]) -> Iterable[Finding]:
    for waiver in {(waiver.path, waiver.comment): waiver for waiver in waivers}.values():
        if not waiver.comment.reason:
            message = "the suppression gives no reason; write it after the bracket"
            yield _about(
                SUPPRESSION_WITHOUT_REASON, waiver, message, "Add the reason", "only a person knows the reason"
            )


def _about(rule: Rule, waiver: _Waiver, message: str, title: str, reason: str) -> Finding:
    cell, line, column = _position(waiver.comment, waiver.layout)
    end = column + waiver.comment.end_column - waiver.comment.column
    return Finding(
        rule=rule.code,
        name=rule.name,
        severity=rule.severity,
        confidence="high",
        message=message,
        place=Place(waiver.path, line, column, line, end, cell),
        symbol=waiver.rule.code,
        fix=FixOffer(Applicability.MANUAL, title=title, reason=reason),
    )
