"""What a project or a user chose: `[tool.per-audit]` in pyproject.toml, and options of the command line over it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from per_audit.cache import Store, default_directory
from per_audit.catalogue import Catalogue, did_you_mean
from per_audit.errors import UserError
from per_audit.report import FORMATS
from per_audit.settings import pyproject
from per_audit.source import DEFAULT_EXCLUDE, DEFAULT_INCLUDE, Filters
from per_audit.source.roots import upwards

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from per_audit.findings import Severity
    from per_audit.rule import Rule

FAIL_ON = ("error", "warning", "info", "never")


@dataclass(frozen=True, slots=True)
class Settings:
    """All choices of one run. `base` is the directory that patterns and the baseline's name are relative to.

    `per_file_ignores` are pairs of a pattern and the rules that are off in the files it matches, `severity` pairs of
    a rule's selector and its severity. `rules` are the files and folders that rules of the user's are read from;
    `catalogue` holds these and the others. `origins` says where a choice was made that is not the default.
    """

    base: Path
    config: Path | None = None
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    pedantic: bool = False
    rules: tuple[str, ...] = ()
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
    catalogue: Catalogue = field(default_factory=Catalogue, compare=False)

    @property
    def chosen(self) -> tuple[Rule, ...]:
        """The rules that are on."""
        return self.catalogue.choose(self.select, self.ignore, self.pedantic)

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
    "pedantic": pyproject.boolean,
    "rules": pyproject.strings,
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


def load(root: Path, use_config: bool = True, rules: Sequence[Path] = ()) -> Settings:
    """The settings of the project that `root` belongs to.

    They come from the nearest pyproject.toml at or above `root` that has the table `[tool.per-audit]`, not looking
    beyond the top of the git work tree. The user's own rules are those of installed packages, those that the table
    names and those in `rules`; without `use_config` only the last. They are imported here. Raises UserError for a
    file, key, value or rule that makes no sense.
    """
    for directory in upwards(root.resolve()) if use_config else ():
        path = directory / "pyproject.toml"
        table = pyproject.table(path)
        if table is not None:
            return _of_table(path, table, rules)
        if (directory / ".git").exists():
            break
    named = [(str(path), path.absolute(), "--rules") for path in rules]
    return replace(Settings(base=root.resolve()), **_own(named, use_config))


def _of_table(path: Path, table: Mapping[str, object], rules: Sequence[Path]) -> Settings:
    """The settings that a table makes, with the rules that were named beside it."""
    named = [(name, place, f"{path}: tool.per-audit.rules") for name, place in pyproject.own_rules(path, table)]
    named += [(str(name), name.absolute(), "--rules") for name in rules]
    own = _own(named, True)
    values = _checked(path, table, own["catalogue"])
    origins = dict.fromkeys(values, str(path)) | ({"rules": "--rules"} if rules else {})
    return replace(Settings(base=path.parent, config=path), **{**values, **own}, origins=origins)


def _own(named: Sequence[tuple[str, Path, str]], installed: bool) -> dict[str, Any]:
    """The settings of a user's own rules."""
    from per_audit.catalogue.own_rules import load_own

    found = load_own([(path, origin) for _, path, origin in named], installed)
    return {"rules": tuple(name for name, _, _ in named), "catalogue": found}


def override(settings: Settings, select: Sequence[str], ignore: Sequence[str], **others: Any) -> Settings:
    """The settings with options of the command line over them; None and () mean that the option was not given.

    `--select` says exactly what to run, so it also sets aside the `ignore` of the configuration.
    """
    given: dict[str, Any] = {key: value for key, value in others.items() if value is not None}
    origins = {key: f"--{'' if value is not False else 'no-'}{key.replace('_', '-')}" for key, value in given.items()}
    if select:
        given |= {"select": settings.catalogue.check_selectors(_split(select), "--select"), "ignore": ()}
        origins |= {"select": "--select", "ignore": "--select"}
    if ignore:
        given["ignore"] = settings.catalogue.check_selectors(_split(ignore), "--ignore")
        origins["ignore"] = "--ignore"
    return replace(settings, **given, origins={**settings.origins, **origins})


def _split(values: Sequence[str]) -> list[str]:
    return [part for value in values for part in value.split(",")]


def _checked(path: Path, table: Mapping[str, object], catalogue: Catalogue) -> dict[str, Any]:
    """The table's values by the names of the settings' fields."""
    values: dict[str, Any] = {}
    for key, value in table.items():
        origin = f"{path}: tool.per-audit.{key}"
        check = _KEYS.get(key)
        if check is None:
            hint = did_you_mean(key, _KEYS) or f"the keys are {', '.join(_KEYS)}"
            raise UserError(f"{origin} = {value!r}: unknown key; {hint}")
        values[key.replace("-", "_")] = check(value, origin, catalogue)
    return values
