"""How many findings each rule has: for people who look at a project for the first time, and for trends."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from per_audit.errors import UserError
from per_audit.report.documents import TOOL, as_text
from per_audit.report.json import SCHEMA_VERSION, summary

if TYPE_CHECKING:
    from per_audit.findings import Finding, Report

FORMATS = ("text", "json")


def render(report: Report, kind: str = "text") -> str:
    """The counts in one of FORMATS, the most frequent rule first. Raises UserError for another format."""
    if kind not in FORMATS:
        raise UserError(f"--statistics has no format {kind!r}; use --format {' or '.join(FORMATS)}")
    rows = statistics(report)
    if kind == "json":
        document = {
            "schema_version": SCHEMA_VERSION,
            "tool": TOOL,
            "root": report.root,
            "summary": summary(report),
            "statistics": rows,
        }
        return as_text(document)
    if not rows:
        return f"No findings in {report.files} {'file' if report.files == 1 else 'files'}.\n"
    widths = {key: max(len(str(row[key])) for row in rows) for key in rows[0]}
    return "".join(
        f"{row['count']:>{widths['count']}}  {row['severity']:{widths['severity']}}  {row['rule']}  "
        f"{row['name']:{widths['name']}}  in {row['files']} {'file' if row['files'] == 1 else 'files'}\n"
        for row in rows
    )


def statistics(report: Report) -> list[dict[str, Any]]:
    """A row for each rule that has findings."""
    by_rule: dict[str, list[Finding]] = defaultdict(list)
    for finding in report.findings:
        by_rule[finding.rule].append(finding)
    return [
        {
            "rule": rule,
            "name": findings[0].name,
            "severity": findings[0].severity.value,
            "count": len(findings),
            "files": len({finding.place.path for finding in findings}),
        }
        for rule, findings in sorted(by_rule.items(), key=lambda item: (-len(item[1]), item[0]))
    ]
