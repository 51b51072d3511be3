"""Reads `[tool.per-audit]` and checks its values.

Each check takes a value, where it stands and the rules that there are, and returns the value or raises UserError.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from per_audit.errors import UserError
from per_audit.findings import Severity

if TYPE_CHECKING:
    from pathlib import Path

    from per_audit.catalogue import Catalogue

Check = Callable[[object, str, "Catalogue"], Any]

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
        content = parse_toml(data.decode("utf-8-sig"))
    except ValueError as error:  # TOMLDecodeError and UnicodeDecodeError are both
        raise UserError(f"{path}: is no valid TOML: {error}; mend it, or use --no-config") from error
    tool = content.get("tool")
    found = tool.get("per-audit") if isinstance(tool, dict) else None
    if found is not None and not isinstance(found, dict):
        raise UserError(f"{path}: tool.per-audit is {found!r}; make it a table: [tool.per-audit]")
    return found


def one_of(*words: str) -> Check:
    """A check for one of these words."""

    def check(value: object, origin: str, _: Catalogue) -> str:
        if not isinstance(value, str) or value not in words:
            raise UserError(f"{origin} = {value!r}: must be one of {', '.join(map(repr, words))}")
        return value

    return check


def strings(value: object, origin: str, _: Catalogue) -> tuple[str, ...]:
    """A list of strings."""
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        key = origin.rpartition(".")[2]
        raise UserError(f'{origin} = {value!r}: must be a list of strings, such as {key} = ["..."]')
    return tuple(value)


def boolean(value: object, origin: str, _: Catalogue) -> bool:
    """true or false."""
    if not isinstance(value, bool):
        raise UserError(f"{origin} = {value!r}: must be true or false")
    return value


def rules(value: object, origin: str, catalogue: Catalogue) -> tuple[str, ...]:
    """A list of rules: codes, names or prefixes."""
    return catalogue.check_selectors(strings(value, origin, catalogue), origin)


def own_rules(path: Path, table: Mapping[str, object]) -> list[tuple[str, Path]]:
    """The names and the places of the files and folders that the table at `path` reads rules from."""
    origin = f"{path}: tool.per-audit.rules"
    value = table.get("rules", [])
    if not isinstance(value, list) or not all(isinstance(item, str) and item for item in value):
        raise UserError(f'{origin} = {value!r}: must be a list of paths, such as rules = ["tools/my_rules"]')
    base = path.parent.resolve()
    for name in value:
        if not (base / name).resolve().is_relative_to(base):
            raise UserError(f"{origin}: {name!r} is outside of the project; move it inside, or use --rules")
    return [(name, base / name) for name in value]


def file_name(value: object, origin: str, _: Catalogue) -> str:
    """The name of a file or directory."""
    if not isinstance(value, str) or not value:
        raise UserError(
            f'{origin} = {value!r}: must be the name of a file or directory, such as "per-audit-baseline.json"'
        )
    return value


def rules_by_pattern(value: object, origin: str, catalogue: Catalogue) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """A table from patterns of files to lists of rules."""
    if not isinstance(value, dict):
        raise UserError(f'{origin} = {value!r}: must be a table, such as {{ "tests/**" = ["PER0"] }}')
    return tuple((pattern, rules(item, f'{origin}."{pattern}"', catalogue)) for pattern, item in value.items())


def severity_by_rule(value: object, origin: str, catalogue: Catalogue) -> tuple[tuple[str, Severity], ...]:
    """A table from rules to severities."""
    if not isinstance(value, dict):
        raise UserError(f'{origin} = {value!r}: must be a table, such as {{ PER004 = "info" }}')
    word = one_of(*SEVERITIES)
    return tuple(
        (catalogue.check_selectors([rule], origin)[0], Severity(word(item, f"{origin}.{rule}", catalogue)))
        for rule, item in value.items()
    )


def parse_toml(text: str) -> dict[str, object]:
    """The table that a TOML document holds. Raises ValueError where it is none."""
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    return tomllib.loads(text)
