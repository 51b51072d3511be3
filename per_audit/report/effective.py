"""What a run goes by: its settings with where each was chosen, and the files that it reads."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from per_audit.report.documents import as_text
from per_audit.report.frame import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from per_audit.rule import Rule
    from per_audit.settings import Settings

_NO_CHOICE = ("base", "config", "origins", "catalogue")
_TABLES = ("per_file_ignores", "severity")


def render_settings(root: Path, settings: Settings, rules: Sequence[Rule], kind: str = "text") -> str:
    """The settings as lines of TOML, each with its origin, or as JSON; `rules` are those that are on."""
    rows = {
        field.name.replace("_", "-"): {
            "value": _plain(field.name, getattr(settings, field.name)),
            "origin": settings.origins.get(field.name, "default"),
        }
        for field in fields(settings)
        if field.name not in _NO_CHOICE
    }
    config = None if settings.config is None else str(settings.config)
    if kind == "json":
        document = {
            "root": root.as_posix(),
            "config": config,
            "rules": [rule.code for rule in rules],
            "settings": rows,
        }
        return as_text(document)
    lines = [
        f"# root: {root}",
        f"# configuration: {config or 'none'}",
        f"# rules: {', '.join(rule.code for rule in rules)}",
    ]
    lines += [f"{key} = {_toml(row['value'])}  # {row['origin']}" for key, row in rows.items()]
    return "".join(f"{printable(line)}\n" for line in lines)


def render_files(root: Path, files: Iterable[str], kind: str = "text") -> str:
    """The files one a line, relative to the root, or as JSON."""
    if kind == "json":
        return as_text({"root": root.as_posix(), "files": list(files)})
    return "".join(f"{printable(path)}\n" for path in files)


def _plain(name: str, value: Any) -> Any:
    if name in _TABLES:
        return {key: item if isinstance(item, str) else list(item) for key, item in value}
    return list(value) if isinstance(value, tuple) else value


def _toml(value: Any) -> str:
    if value is None:
        return '""'
    if isinstance(value, dict):
        items = ", ".join(f"{json.dumps(key)} = {_toml(item)}" for key, item in value.items())
        return f"{{ {items} }}" if items else "{}"
    return json.dumps(value, ensure_ascii=False)
