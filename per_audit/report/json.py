"""The report as JSON, as `schema/report.schema.json` describes it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from per_audit.catalogue import docs_page
from per_audit.findings import Applicability, Evidence, Finding, Notice, Report, Severity
from per_audit.report.documents import TOOL, as_text, located, schema_of

if TYPE_CHECKING:
    from per_audit.report import Look

SCHEMA_VERSION = "1.0"
"""Grows behind the point when something is added, before it when something a reader may rely on changes."""


def render(report: Report, _look: Look | None = None) -> str:
    """The document as text: ASCII, indented, ending in a newline."""
    return as_text(document(report))


def schema() -> dict[str, Any]:
    """The JSON Schema that every document conforms to."""
    return schema_of("report")


def document(report: Report) -> dict[str, Any]:
    """The report as plain dictionaries and lists."""
    return {
        "schema_version": SCHEMA_VERSION,
        "tool": TOOL,
        "root": report.root,
        "summary": summary(report),
        "findings": [_finding(finding) for finding in report.findings],
        "pipelines": report.pipelines,
        "notices": [_notice(notice) for notice in report.notices],
    }


def summary(report: Report) -> dict[str, Any]:
    """The counts: of files, of findings by severity, rule and fix, of what was suppressed, of pipelines, of notices."""
    severities = Counter(finding.severity for finding in report.findings)
    fixes = Counter(finding.fix.applicability for finding in report.findings)
    rules = Counter(finding.rule for finding in report.findings)
    return {
        "files": report.files,
        "pipelines": len(report.pipelines),
        "findings": len(report.findings),
        "by_severity": {severity.value: severities[severity] for severity in Severity},
        "by_rule": dict(sorted(rules.items())),
        "by_fix": {applicability.value: fixes[applicability] for applicability in Applicability},
        "suppressed": report.suppressed,
        "known": report.known,
        "stale": report.stale,
        "unchanged": report.unchanged,
        "notices": len(report.notices),
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "id": finding.id,
        "rule": finding.rule,
        "name": finding.name,
        "severity": finding.severity.value,
        "confidence": finding.confidence,
        "message": finding.message,
        **located(finding.place),
        "symbol": finding.symbol,
        "pipeline": finding.pipeline,
        "evidence": [_evidence(evidence) for evidence in finding.evidence],
        "fix": {
            "applicability": finding.fix.applicability.value,
            "recipe": finding.fix.recipe,
            "title": finding.fix.title,
            "reason": finding.fix.reason,
        },
        "docs": docs_page(finding.rule),
        "explain": f"per-audit explain {finding.rule}",
    }


def _evidence(evidence: Evidence) -> dict[str, Any]:
    return {
        **located(evidence.place),
        "role": evidence.role,
        "note": evidence.note,
    }


def _notice(notice: Notice) -> dict[str, Any]:
    return {
        "path": notice.path,
        "cell": notice.cell,
        "line": notice.line,
        "kind": notice.kind,
        "message": notice.message,
    }
