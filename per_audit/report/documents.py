"""What all JSON documents have in common: who wrote them, how they are written, and their published schemas."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from per_audit import __version__

if TYPE_CHECKING:
    from per_audit.findings import Place

TOOL = {"name": "per-audit", "version": __version__}


def as_text(document: object) -> str:
    """A document as text: ASCII, indented, ending in a newline."""
    return json.dumps(document, indent=2, allow_nan=False) + "\n"


def located(place: Place) -> dict[str, Any]:
    """Where something stands, as keys of it."""
    return {
        "path": place.path,
        "cell": place.cell,
        "line": place.line,
        "column": place.column,
        "end_line": place.end_line,
        "end_column": place.end_column,
    }


def schema_of(name: str) -> dict[str, Any]:
    """The JSON Schema `schema/NAME.schema.json`."""
    text = files("per_audit.report").joinpath(f"schema/{name}.schema.json").read_text("utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded
