"""A report as text for people or as a document for machines. A report never decides: it shows what the audit said."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from per_audit.findings import Report

FORMATS = ("text", "json")
"""The formats of a scan's report; each is a module of this package with a function `render(report, look) -> str`."""


@dataclass(frozen=True, slots=True)
class Look:
    """How a report for people is to look; the formats for machines pay no heed to it."""

    colour: bool = False
    quiet: bool = False


PLAIN = Look()


def render(report: Report, kind: str = "text", look: Look = PLAIN) -> str:
    """The report in one of FORMATS, ending in a newline where it is not empty."""
    rendered: str = importlib.import_module(f"{__name__}.{kind}").render(report, look)
    return rendered
