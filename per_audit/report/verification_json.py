"""A verification as JSON."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from per_audit.report.documents import TOOL, as_text

if TYPE_CHECKING:
    from per_audit.verify.results import CheckResult, TargetResult, Verification

SCHEMA_VERSION = "1.0"


def render(verification: Verification) -> str:
    """The document as text: ASCII, indented, ending in a newline."""
    return as_text(document(verification))


def document(verification: Verification) -> dict[str, Any]:
    """The verification as plain dictionaries and lists."""
    return {
        "schema_version": SCHEMA_VERSION,
        "tool": TOOL,
        "verdict": verification.verdict.value,
        "seed": verification.seed,
        "complete": verification.complete,
        "seconds": round(verification.seconds, 3),
        "targets": [_target(target) for target in verification.targets],
    }


def _target(target: TargetResult) -> dict[str, Any]:
    return {
        "target": target.target,
        "verdict": target.verdict.value,
        "mapping": target.mapping,
        "facts": target.facts,
        "files": sorted(target.files),
        "checks": [_check(check) for check in target.checks],
        "output": target.output,
    }


def _check(check: CheckResult) -> dict[str, Any]:
    return {
        "check": check.check,
        "verdict": check.verdict.value,
        "statistic": _number(check.statistic),
        "statistic_name": check.statistic_name,
        "relation": check.relation,
        "threshold": _number(check.threshold),
        "seed": check.seed,
        "seconds": check.seconds,
        "message": check.message,
    }


def _number(value: float | None) -> float | str | None:
    """JSON has no infinity: it is written as a string."""
    return value if value is None or math.isfinite(value) else str(value)
