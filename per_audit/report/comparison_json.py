"""A comparison as JSON, as `schema/comparison.schema.json` describes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from per_audit.report.documents import TOOL, as_text, schema_of

if TYPE_CHECKING:
    from per_audit.compare.results import Arm, Comparison, Interval, Run

SCHEMA_VERSION = "1.0"


def schema() -> dict[str, Any]:
    """The schema of the document."""
    return schema_of("comparison")


def render(comparison: Comparison) -> str:
    """The document as text: ASCII, indented, ending in a newline."""
    return as_text(document(comparison))


def document(comparison: Comparison) -> dict[str, Any]:
    """The comparison as plain dictionaries and lists."""
    return {
        "schema_version": SCHEMA_VERSION,
        "tool": TOOL,
        "verdict": comparison.verdict.value,
        "message": comparison.message,
        "command": list(comparison.command),
        "metric": comparison.metric,
        "source": comparison.source,
        "lower_is_better": comparison.lower_is_better,
        "axis": comparison.axis,
        "start": comparison.start,
        "end": comparison.end,
        "difference": _interval(comparison.difference),
        "p": comparison.p,
        "level": comparison.level,
        "before": _arm(comparison.before),
        "after": _arm(comparison.after),
        "notes": comparison.notes,
        "seconds": round(comparison.seconds, 3),
    }


def _arm(arm: Arm) -> dict[str, Any]:
    return {
        "tree": arm.tree,
        "words": arm.words,
        "score": _interval(arm.score),
        "final": _interval(arm.final),
        "steps_to_level": _interval(arm.steps_to_level),
        "reached": arm.reached,
        "unfinished": arm.unfinished,
        "curve": [{"step": x, "value": y, "low": low, "high": high} for x, y, low, high in arm.curve],
        "runs": [
            _run(run, arm.scores[place] if place < len(arm.scores) else None) for place, run in enumerate(arm.runs)
        ],
    }


def _run(run: Run, score: float | None) -> dict[str, Any]:
    return {
        "seed": run.seed,
        "status": run.status,
        "message": run.message,
        "seconds": run.seconds,
        "kept": run.kept,
        "score": score,
        "steps": list(run.curve.steps) if run.curve is not None else [],
        "values": list(run.curve.values) if run.curve is not None else [],
    }


def _interval(interval: Interval | None) -> dict[str, float | None] | None:
    return None if interval is None else {"value": interval.value, "low": interval.low, "high": interval.high}
