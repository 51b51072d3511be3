"""What a project or a user chose: `[tool.per-audit]` in pyproject.toml, and options of the command line over it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from per_audit import pyproject
from per_audit.cache import Store, default_directory
from per_audit.catalogue import check_selectors, did_you_mean
from per_audit.errors import UserError
from per_audit.report import FORMATS
from per_audit.source import DEFAULT_EXCLUDE, DEFAULT_INCLUDE, Filters
from per_audit.source.roots import upwards

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from per_audit.findings import Severity

FAIL_ON = ("error", "warning", "info", "never")


@dataclass(frozen=True, slots=True)
class Settings:
    """All choices of one run. `base` is the directory that patterns and the baseline's name are relative to.

    `per_file_ignores` are pairs of a pattern and the rules that are off in the files it matches, `severity` pairs of
    a rule's selector and its severity. `origins` says where a choice was made that is not the default.
    """

    base: Path
    config: Path | None = None
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    per_file_ignores: tuple[tuple[str, tuple[str, ...]], ...] = ()
    severity: tuple[tuple[str, Severity], ...] = ()
    include: tuple[str, ...] = DEFAULT_INCLUDE
    exclude: tuple[str, ...] = DEFAULT_EXCLUDE
    extend_exclude: tuple[str, ...] = ()
    fail_on: str = "warning"
    format: str = "text"
    baseline: str | None = None
    gates: bool = True
    cache: bool = True
    cache_dir: str | None = None
    origins: Mapping[str, str] = field(default_factory=dict, compare=False)

    @property
    def store(self) -> Store | None:
        """What is kept between runs, None where nothing is to be."""
        directory = default_directory() if self.cache_dir is None else self.base / self.cache_dir
        return Store(directory) if self.cache else None

    @property
    def filters(self) -> Filters:
        """Which files are read."""
        return Filters(self.base, self.include, (*self.exclude, *self.extend_exclude))


# The keys of [tool.per-audit]: each with the check of its value.
_KEYS: dict[str, pyproject.Check] = {
    "select": pyproject.rules,
    "ignore": pyproject.rules,
    "per-file-ignores": pyproject.rules_by_pattern,
    "severity": pyproject.severity_by_rule,
    "include": pyproject.strings,
    "exclude": pyproject.strings,
    "extend-exclude": pyproject.strings,
    "fail-on": pyproject.one_of(*FAIL_ON),
    "format": pyproject.one_of(*FORMATS),
    "baseline": pyproject.file_name,
    "cache-dir": pyproject.file_name,
}


def load(root: Path, use_config: bool = True) -> Settings:
    """The settings of the project that `root` belongs to.

    They come from the nearest pyproject.toml at or above `root` that has the table `[tool.per-audit]`, not looking
    beyond the top of the git work tree. Raises UserError for a file, key or value that makes no sense.
    """
    for directory in upwards(root.resolve()) if use_config else ():
        path = directory / "pyproject.toml"
        table = pyproject.table(path)
        if table is not None:
            values = _checked(path, table)
            return replace(Settings(base=directory, config=path), **values, origins=dict.fromkeys(values, str(path)))
        if (directory / ".git").exists():
            break
    return Settings(base=root.resolve())


def override(settings: Settings, select: Sequence[str], ignore: Sequence[str], **others: Any) -> Settings:
    """The settings with options of the command line over them; None and () mean that the option was not given.

    `--select` says exactly what to run, so it also sets aside the `ignore` of the configuration.
    """
    given: dict[str, Any] = {key: value for key, value in others.items() if value is not None}
    origins = {key: f"--{'' if value is not False else 'no-'}{key.replace('_', '-')}" for key, value in given.items()}
    if select:
        given |= {"select": check_selectors(_split(select), "--select"), "ignore": ()}
        origins |= {"select": "--select", "ignore": "--select"}
    if ignore:
        given["ignore"] = check_selectors(_split(ignore), "--ignore")
        origins["ignore"] = "--ignore"
    return replace(settings, **given, origins={**settings.origins, **origins})


def _split(values: Sequence[str]) -> list[str]:
    return [part for value in values for part in value.split(",")]


def _checked(path: Path, table: Mapping[str, object]) -> dict[str, Any]:
    """The table's values by the names of the settings' fields."""
    values: dict[str, Any] = {}
    for key, value in table.items():
        origin = f"{path}: tool.per-audit.{key}"
        check = _KEYS.get(key)
        if check is None:
            hint = did_you_mean(key, _KEYS) or f"the keys are {', '.join(_KEYS)}"
            raise UserError(f"{origin} = {value!r}: unknown key; {hint}")
        values[key.replace("-", "_")] = check(value, origin)
    return values
