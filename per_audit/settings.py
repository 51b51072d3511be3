"""What a project or a user chose: `[tool.per-audit]` in pyproject.toml, and options of the command line over it."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from per_audit.catalogue import check_selectors, did_you_mean
from per_audit.errors import UserError
from per_audit.report import FORMATS
from per_audit.source import DEFAULT_EXCLUDE, DEFAULT_INCLUDE, Filters
from per_audit.source.roots import upwards

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

FAIL_ON = ("error", "warning", "info", "never")


@dataclass(frozen=True, slots=True)
class Settings:
    """All choices of one run. `base` is the directory that the patterns are relative to."""

    base: Path
    config: Path | None = None
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    include: tuple[str, ...] = DEFAULT_INCLUDE
    exclude: tuple[str, ...] = DEFAULT_EXCLUDE
    extend_exclude: tuple[str, ...] = ()
    fail_on: str = "warning"
    format: str = "text"
    gates: bool = True

    @property
    def filters(self) -> Filters:
        """Which files are read."""
        return Filters(self.base, self.include, (*self.exclude, *self.extend_exclude))


# The keys of [tool.per-audit]: a tuple of words to choose from, or `list` for a list of strings.
_KEYS: dict[str, tuple[str, ...] | type[list[str]]] = {
    "select": list,
    "ignore": list,
    "include": list,
    "exclude": list,
    "extend-exclude": list,
    "fail-on": FAIL_ON,
    "format": FORMATS,
}


def load(root: Path, use_config: bool = True) -> Settings:
    """The settings of the project that `root` belongs to.

    They come from the nearest pyproject.toml at or above `root` that has the table `[tool.per-audit]`, not looking
    beyond the top of the git work tree. Raises UserError for a file, key or value that makes no sense.
    """
    for directory in upwards(root.resolve()) if use_config else ():
        path = directory / "pyproject.toml"
        table = _table(path)
        if table is not None:
            return replace(Settings(base=directory, config=path), **_checked(path, table))
        if (directory / ".git").exists():
            break
    return Settings(base=root.resolve())


def override(settings: Settings, select: Sequence[str], ignore: Sequence[str], **others: Any) -> Settings:
    """The settings with options of the command line over them; None and () mean that the option was not given.

    `--select` says exactly what to run, so it also sets aside the `ignore` of the configuration.
    """
    given: dict[str, Any] = {key: value for key, value in others.items() if value is not None}
    if select:
        given |= {"select": check_selectors(_split(select), "--select"), "ignore": ()}
    if ignore:
        given["ignore"] = check_selectors(_split(ignore), "--ignore")
    return replace(settings, **given)


def _split(values: Sequence[str]) -> list[str]:
    return [part for value in values for part in value.split(",")]


def _table(path: Path) -> Mapping[str, object] | None:
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
    table = tool.get("per-audit") if isinstance(tool, dict) else None
    if table is not None and not isinstance(table, dict):
        raise UserError(f"{path}: tool.per-audit is {table!r}; make it a table: [tool.per-audit]")
    return table


def _parse_toml(text: str) -> dict[str, object]:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    return tomllib.loads(text)


def _checked(path: Path, table: Mapping[str, object]) -> dict[str, Any]:
    """The table's values by the names of the settings' fields."""
    values: dict[str, Any] = {}
    for key, value in table.items():
        origin = f"{path}: tool.per-audit.{key}"
        expected = _KEYS.get(key)
        if expected is None:
            hint = did_you_mean(key, _KEYS) or f"the keys are {', '.join(_KEYS)}"
            raise UserError(f"{origin} = {value!r}: unknown key; {hint}")
        if isinstance(expected, tuple):
            if value not in expected:
                raise UserError(f"{origin} = {value!r}: must be one of {', '.join(map(repr, expected))}")
            checked: object = value
        else:
            if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
                raise UserError(f'{origin} = {value!r}: must be a list of strings, such as {key} = ["..."]')
            checked = check_selectors(value, origin) if key in ("select", "ignore") else tuple(value)
        values[key.replace("-", "_")] = checked
    return values
