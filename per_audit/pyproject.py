"""Reads `[tool.per-audit]` and checks its values: each check takes a value and where it stands, or raises UserError."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from per_audit.catalogue import check_selectors
from per_audit.errors import UserError
from per_audit.findings import Severity

if TYPE_CHECKING:
    from pathlib import Path

Check = Callable[[object, str], Any]

SEVERITIES = tuple(severity.value for severity in Severity)


def table(path: Path) -> Mapping[str, object] | None:
    """The table `[tool.per-audit]`. A broken file that never names it is somebody else's business."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); make it readable, or use --no-config") from error
    if b"per-audit" not in data:
        return None
    try:
        content = _parse_toml(data.decode("utf-8-sig"))
    except ValueError as error:  # TOMLDecodeError and UnicodeDecodeError are both
        raise UserError(f"{path}: is no valid TOML: {error}; mend it, or use --no-config") from error
    tool = content.get("tool")
    found = tool.get("per-audit") if isinstance(tool, dict) else None
    if found is not None and not isinstance(found, dict):
        raise UserError(f"{path}: tool.per-audit is {found!r}; make it a table: [tool.per-audit]")
    return found


def one_of(*words: str) -> Check:
    """A check for one of these words."""

    def check(value: object, origin: str) -> str:
        if not isinstance(value, str) or value not in words:
            raise UserError(f"{origin} = {value!r}: must be one of {', '.join(map(repr, words))}")
        return value

    return check


def strings(value: object, origin: str) -> tuple[str, ...]:
    """A list of strings."""
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        key = origin.rpartition(".")[2]
        raise UserError(f'{origin} = {value!r}: must be a list of strings, such as {key} = ["..."]')
    return tuple(value)


def rules(value: object, origin: str) -> tuple[str, ...]:
    """A list of rules: codes, names or prefixes."""
    return check_selectors(strings(value, origin), origin)


def file_name(value: object, origin: str) -> str:
    """The name of a file or directory."""
    if not isinstance(value, str) or not value:
        raise UserError(
            f'{origin} = {value!r}: must be the name of a file or directory, such as "per-audit-baseline.json"'
        )
    return value


def rules_by_pattern(value: object, origin: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """A table from patterns of files to lists of rules."""
    if not isinstance(value, dict):
        raise UserError(f'{origin} = {value!r}: must be a table, such as {{ "tests/**" = ["PER0"] }}')
    return tuple((pattern, rules(item, f'{origin}."{pattern}"')) for pattern, item in value.items())


def severity_by_rule(value: object, origin: str) -> tuple[tuple[str, Severity], ...]:
    """A table from rules to severities."""
    if not isinstance(value, dict):
        raise UserError(f'{origin} = {value!r}: must be a table, such as {{ PER004 = "info" }}')
    word = one_of(*SEVERITIES)
    return tuple(
        (check_selectors([rule], origin)[0], Severity(word(item, f"{origin}.{rule}"))) for rule, item in value.items()
    )


def _parse_toml(text: str) -> dict[str, object]:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    return tomllib.loads(text)
