"""The rules that users add: those of installed packages, and the files and folders that a user names.

They are Python that runs with the audit, as the audited code never does; so only what somebody chose is imported.
"""

from __future__ import annotations

import importlib
import inspect
import os
import re
import sys
import traceback
from contextlib import contextmanager, redirect_stdout, suppress
from dataclasses import dataclass
from importlib.machinery import PathFinder
from pathlib import Path
from typing import TYPE_CHECKING

from per_audit.catalogue import Catalogue
from per_audit.errors import UserError, in_a_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from importlib.metadata import EntryPoint
    from types import ModuleType

    from per_audit.findings import Finding
    from per_audit.graph import ReplayGraph
    from per_audit.rule import Rule

GROUP = "per_audit.rules"
"""The group of entry points by which a package offers rules: each names a module, a package or a class."""

_CODE = re.compile(r"[A-Z]{2,8}[0-9]{3}")
_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_HEADING = re.compile(r"^## (.+?)\s*$", re.MULTILINE)
_PACKAGE = "per_audit_own_rules"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where rules are named, and the file, folder or package that they are in, for people."""

    said: str
    place: str

    def __str__(self) -> str:
        return f"{self.said}: {self.place}"


def load_own(named: Sequence[tuple[Path, str]], installed: bool) -> Catalogue:
    """The catalogue with the rules of the files and folders that are `named`, each with where it is named.

    With `installed` those of the installed packages, too. Raises UserError for what cannot be imported, holds no rule,
    or holds one that is not whole or is there already.
    """
    found: list[tuple[Origin, type[Rule]]] = []
    parts: list[bytes] = []
    sources: list[Path] = []
    for entry in _entry_points() if installed else ():
        origin = Origin(f"entry point {entry.name!r} of {_distribution(entry)}", entry.value)
        classes, source = _of_entry_point(entry, origin)
        found += [(origin, each) for each in classes]
        sources += source
        parts += [str(origin).encode(), *_contents(source)]
    for path, said in {path.resolve(): (path, said) for path, said in named}.values():
        origin = Origin(said, str(path))
        files = _modules(path, origin)
        parts += [str(path).encode("utf-8", "surrogateescape"), *_contents([path])]
        found += [(origin, each) for each in _of_path(path, files, origin)]
        sources.append(path)
    if not found:
        return Catalogue()
    from per_audit.cache.store import digest

    return Catalogue(_checked(found), digest(*parts), tuple(sources))


def check_own(rule: Rule, graph: ReplayGraph) -> list[Finding]:
    """What a rule of the user's finds. Raises UserError where it fails, or reports what is no finding of its own."""
    from per_audit.findings import Finding

    said = f"rule {rule.code} ({rule.name})"
    try:
        with redirect_stdout(sys.stderr):
            found = list(rule.check(graph))
    except Exception as error:
        raise UserError(f"{said} failed: {in_a_line(error)}; mend it, or leave it out: --ignore {rule.code}") from error
    for each in found:
        if not isinstance(each, Finding) or each.rule != rule.code:
            what = f"reported an object of type {type(each).__name__} that is no finding of its own"
            raise UserError(f"{said} {what}; yield what `self.finding(...)` returns")
    return found


def python_files(place: Path) -> list[Path]:
    """The Python files that a named file or folder consists of."""
    return sorted(place.rglob("*.py")) if place.is_dir() else [place]


def _contents(places: Iterable[Path]) -> Iterator[bytes]:
    for place in places:
        for file in python_files(place):
            yield file.name.encode("utf-8", "surrogateescape")
            yield file.read_bytes()


# ---------------------------------------------------------------- installed packages


def _entry_points() -> list[EntryPoint]:
    """The entry points of the group, without those that the current directory offers: it may be what is audited."""
    here = Path.cwd()
    path = [entry for entry in sys.path if entry and Path(entry).resolve() != here and _may_offer(entry)]
    others = [each for each in sys.meta_path if each is not PathFinder and hasattr(each, "find_distributions")]
    if not path and not others:
        return []
    from importlib.metadata import distributions

    seen: dict[tuple[str, str], EntryPoint] = {}
    for distribution in distributions(path=path):
        for entry in distribution.entry_points:
            if entry.group == GROUP:
                seen.setdefault((_distribution(entry), entry.name), entry)
    return [seen[key] for key in sorted(seen)]


def _may_offer(folder: str) -> bool:
    """Whether a distribution in a folder of the path may have entry points of the group.

    To read all of them takes longer than to scan a project that has not changed.
    """
    try:
        names = os.listdir(folder)  # noqa: PTH208 (a Path for each of many hundred entries takes longer than the rest)
    except NotADirectoryError:
        return True  # an archive
    except OSError:
        return False
    for name in names:
        if name.lower().endswith("-info"):
            with suppress(OSError), open(f"{folder}/{name}/entry_points.txt", "rb") as file:  # noqa: PTH123
                if GROUP.encode() in file.read():
                    return True
    return False


def _distribution(entry: EntryPoint) -> str:
    return f"{entry.dist.name} {entry.dist.version}" if entry.dist is not None else "an unknown package"


def _of_entry_point(entry: EntryPoint, origin: Origin) -> tuple[list[type[Rule]], list[Path]]:
    """The rules of an entry point, and where their source is."""
    from per_audit.rule import Rule, rules_in

    with _importing(origin, []):
        target = entry.load()
        module = importlib.import_module(entry.module)
        classes = [target] if isinstance(target, type) and issubclass(target, Rule) else []
        if not classes and hasattr(target, "__name__") and not isinstance(target, type):
            classes = list(rules_in(target))
    if not classes:
        raise UserError(f"{origin} holds no rule; name a module, a package or a subclass of per_audit.rule.Rule")
    file = getattr(module, "__file__", None)
    source = [Path(file).parent if hasattr(module, "__path__") else Path(file)] if file else []
    return classes, source


# ---------------------------------------------------------------- files and folders


def _modules(path: Path, origin: Origin) -> list[Path]:
    """The files of a named path that may define rules: tests and what begins with an underscore do not."""
    if path.is_dir():
        files = [
            file for file in sorted(path.glob("*.py")) if not file.name.startswith(("_", "test_")) and file.is_file()
        ]
        if not files:
            raise UserError(f"{origin} is a folder without a Python file; put a rule there, or leave it out")
        return files
    if path.suffix != ".py" or not path.is_file():
        raise UserError(f"{origin} is no Python file and no folder of such; correct the path, or leave it out")
    return [path]


def _of_path(path: Path, files: list[Path], origin: Origin) -> list[type[Rule]]:
    """The rules of a file, or of the modules of a folder, which may import each other as `from . import`."""
    from per_audit.rule import rules_in

    name = f"{_PACKAGE}_{path.stem}"
    for known in [module for module in sys.modules if module == name or module.startswith(f"{name}.")]:
        del sys.modules[known]
    importlib.invalidate_caches()
    with _importing(origin, python_files(path)):
        if path.is_dir():
            init = path / "__init__.py"
            if init.is_file():
                _run(name, init, path)
            else:
                from types import ModuleType

                package = sys.modules[name] = ModuleType(name)
                package.__path__ = [str(path)]
            modules = [importlib.import_module(f"{name}.{file.stem}") for file in files]
        else:
            modules = [_run(name, path, None)]
        classes = [each for module in modules for each in rules_in(module)]
    if not classes:
        raise UserError(f"{origin} defines no rule; define a subclass of per_audit.rule.Rule, or leave it out")
    return classes


def _run(name: str, file: Path, folder: Path | None) -> ModuleType:
    """Import a file under a name of its own, so that it can neither hide nor be hidden by another module."""
    from importlib.util import module_from_spec, spec_from_file_location

    spec = spec_from_file_location(name, file, submodule_search_locations=[str(folder)] if folder else None)
    if spec is None or spec.loader is None:
        raise ImportError(f"{file} is no module")
    module = sys.modules[name] = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@contextmanager
def _importing(origin: Origin, files: list[Path]) -> Iterator[None]:
    """Imports write nothing beside the rules, print nothing into a report, and fail with the line that failed."""
    writes, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        with redirect_stdout(sys.stderr):
            yield
    except UserError:
        raise
    except (Exception, SystemExit) as error:
        raise UserError(
            f"{origin} cannot be imported: {in_a_line(error)}{_line_of(error, files)}; mend it, or leave it out"
        ) from error
    finally:
        sys.dont_write_bytecode = writes


def _line_of(error: BaseException, files: list[Path]) -> str:
    """The line of one of the files where the error came up."""
    if isinstance(error, SyntaxError):
        return ""  # says so itself
    known = {str(file) for file in files}
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename in known]
    return f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""


# ---------------------------------------------------------------- what a rule must be


def _checked(found: list[tuple[Origin, type[Rule]]]) -> tuple[Rule, ...]:
    """The rules, each whole and none twice."""
    taken = {word: "per-audit" for known in Catalogue().rules for word in (known.code, known.name)}
    made = []
    for origin, each in found:
        rule = _whole(origin, each)
        for word in (rule.code, rule.name):
            if word in taken:
                raise UserError(
                    f"{origin}: {each.__name__}: {word!r} is taken by a rule of {taken[word]}; choose another"
                )
            taken[word] = origin.place
        made.append(rule)
    return tuple(made)


def _whole(origin: Origin, each: type[Rule]) -> Rule:
    """An instance of the class; raises UserError where its declaration lacks something."""
    from per_audit.findings import Severity
    from per_audit.rule import HEADINGS

    said = f"{origin}: {each.__name__}"
    code, name, severity = (getattr(each, attribute, None) for attribute in ("code", "name", "severity"))
    if not isinstance(code, str) or not _CODE.fullmatch(code):
        raise UserError(f"{said}: code = {code!r}: must be 2 to 8 capital letters and 3 digits, such as 'ACME001'")
    if code.startswith("PER"):
        raise UserError(f"{said}: code = {code!r}: codes that begin with PER are of per-audit; choose other letters")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise UserError(f"{said}: name = {name!r}: must be small letters, digits and hyphens, such as 'lost-weights'")
    if not isinstance(severity, Severity):
        raise UserError(f"{said}: severity = {severity!r}: must be a per_audit.findings.Severity")
    headings = _HEADING.findall(inspect.cleandoc(each.__doc__ or ""))
    missing = [heading for heading in HEADINGS if heading not in headings]
    if missing:
        raise UserError(f"{said}: the docstring lacks {', '.join(f'`## {heading}`' for heading in missing)}; add it")
    try:
        return each()
    except Exception as error:
        raise UserError(
            f"{said} cannot be made without arguments: {in_a_line(error)}; it is made once a run"
        ) from error
