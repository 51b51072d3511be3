"""What all JSON documents have in common: who wrote them, how they are written, and their published schemas."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

from per_audit import __version__

TOOL = {"name": "per-audit", "version": __version__}


def as_text(document: object) -> str:
    """A document as text: ASCII, indented, ending in a newline."""
    return json.dumps(document, indent=2, allow_nan=False) + "\n"


def schema_of(name: str) -> dict[str, Any]:
    """The JSON Schema `schema/NAME.schema.json`."""
    text = files("per_audit.report").joinpath(f"schema/{name}.schema.json").read_text("utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded
