"""What is to be done, step by step, as JSON; `schema/plan.schema.json` describes it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from per_audit.findings import Applicability
from per_audit.report.documents import TOOL, as_text, located, schema_of

if TYPE_CHECKING:
    from per_audit.findings import Finding
    from per_audit.fixes.agenda import Agenda, Anchor, Step, Task

SCHEMA_VERSION = "1.1"
"""Grows behind the point when something is added, before it when something a reader may rely on changes."""


def render(agenda: Agenda) -> str:
    """The document as text: ASCII, indented, ending in a newline."""
    return as_text(document(agenda))


def schema() -> dict[str, Any]:
    """The JSON Schema that every document conforms to."""
    return schema_of("plan")


def document(agenda: Agenda) -> dict[str, Any]:
    """The agenda as plain dictionaries and lists."""
    counts = Counter(task.applicability for task in agenda.tasks)
    return {
        "schema_version": SCHEMA_VERSION,
        "tool": TOOL,
        "root": agenda.root,
        "summary": {
            "tasks": len(agenda.tasks),
            "by_applicability": {applicability.value: counts[applicability] for applicability in Applicability},
        },
        "pipelines": [
            {"name": name, "tasks": [_task(task) for task in tasks]} for name, tasks in agenda.pipelines.items()
        ],
        "left": [
            {"name": left.name, "reason": left.reason, "anchor": _anchor(left.anchor), "steps": list(left.steps)}
            for left in agenda.left
        ],
        "unread": [
            {"path": each.path, "cell": each.cell, "line": each.line, "message": each.message} for each in agenda.unread
        ],
    }


def _task(task: Task) -> dict[str, Any]:
    return {
        "title": task.title,
        "recipe": task.recipe,
        "applicability": task.applicability.value,
        "reason": task.reason,
        "findings": [_finding(finding) for finding in task.findings],
        "steps": [_step(step) for step in task.steps],
        "instead": task.instead,
        "holds": list(task.holds),
        "apply": task.apply,
        "checks": list(task.checks),
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "id": finding.id,
        "rule": finding.rule,
        "name": finding.name,
        "severity": finding.severity.value,
        "message": finding.message,
    }


def _step(step: Step) -> dict[str, Any]:
    edit = None if step.old is None and step.new is None else {"old": step.old or "", "new": step.new or ""}
    return {"text": step.text, "anchors": [_anchor(anchor) for anchor in step.anchors], "edit": edit}


def _anchor(anchor: Anchor) -> dict[str, Any]:
    return {
        **located(anchor.place),
        "source": anchor.source,
        "note": anchor.note,
    }
