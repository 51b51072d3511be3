"""What `per-audit fix` did, for machines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from per_audit.report.documents import TOOL, as_text
from per_audit.report.json import SCHEMA_VERSION
from per_audit.report.json import document as report_document

if TYPE_CHECKING:
    from per_audit.fixes.plan import Plan
    from per_audit.fixes.result import FixResult
    from per_audit.fixes.transaction import Change


def render(result: FixResult) -> str:
    """The document as text: ASCII, indented, ending in a newline."""
    return as_text(document(result))


def document(result: FixResult) -> dict[str, Any]:
    """The result as plain dictionaries and lists; `findings` are those that are left, as in the report of a scan."""
    return {
        "schema_version": SCHEMA_VERSION,
        "tool": TOOL,
        "root": result.root.as_posix(),
        "project": result.project.as_posix(),
        "written": result.written,
        "summary": {
            "applied": len(result.applied),
            "refused": len(result.refused),
            "files": len(result.changes),
            "copied": len(result.copied),
            "remaining": len(result.report.findings),
        },
        "applied": [_plan(plan) | {"reason": plan.reason} for plan in result.applied],
        "refused": [
            _plan(refusal.plan) | {"why": refusal.why.value, "reason": refusal.reason} for refusal in result.refused
        ],
        "changes": [*map(_change, result.changes), *map(_change, result.copied)],
        "notes": result.notes,
        "findings": report_document(result.report)["findings"],
        "diff": result.diff.decode(errors="backslashreplace"),
        "next": "per-audit verify" if result.written else None,
    }


def _plan(plan: Plan) -> dict[str, Any]:
    notes = dict.fromkeys((edit.path, edit.note) for edit in plan.edits)
    return {
        "pipeline": plan.pipeline,
        "title": plan.title,
        "recipe": plan.recipe,
        "applicability": plan.applicability.value,
        "files": sorted(plan.paths),
        "edits": [{"path": path, "note": note} for path, note in notes],
        "findings": list(plan.findings),
        "steps": list(plan.steps),
    }


def _change(change: Change) -> dict[str, str]:
    kind = "create" if change.before is None else "remove" if change.after is None else "edit"
    return {"path": change.path, "kind": kind}
