"""The page of one check of `per-audit verify`, for readers."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from per_audit.report.documents import as_text
from per_audit.report.styled import laid_out

if TYPE_CHECKING:
    from per_audit.verify.check import Check

_RELATIONS = {"<=": "at most the threshold", ">=": "at least the threshold", "<": "below the threshold"}


def check_markdown(check: Check) -> str:
    """What the check tests, its statistic, its error rate, and what it cannot see."""
    summary, _, rest = inspect.cleandoc(check.__doc__ or "").partition("\n")
    parts = [f"# {check.name}", summary, rest.strip()]
    parts += [
        "## Statistic",
        f"{check.statistic[:1].upper()}{check.statistic[1:]}. The check passes where it is "
        f"{_RELATIONS.get(check.relation, check.relation)}.",
        "## Error rate",
        f"A sound buffer fails this check at a rate of {check.error_rate} or less.",
        "## What it does not see",
        f"{check.blind_spot[:1].upper()}{check.blind_spot[1:]}.",
        "## Run it alone",
        f"    per-audit verify path/to/file.py:Class --check {check.name}",
    ]
    return "\n\n".join(filter(None, parts)) + "\n"


def check_page(check: Check, formatted: bool) -> str:
    """The page of one check as Markdown, laid out for the terminal where `formatted`."""
    text = check_markdown(check)
    return laid_out(text) if formatted else text


def check_json(check: Check) -> str:
    """The page of one check for machines."""
    page: dict[str, Any] = {
        "check": check.name,
        "summary": headline(check),
        "documentation": inspect.cleandoc(check.__doc__ or ""),
        "statistic": check.statistic,
        "relation": check.relation,
        "error_rate": check.error_rate,
        "blind_spot": check.blind_spot,
        "docs": f"docs/checks/{check.name}.md",
    }
    return as_text(page)


def headline(check: Check) -> str:
    """The first line of the documentation: what is tested."""
    return inspect.cleandoc(check.__doc__ or "").partition("\n")[0]
