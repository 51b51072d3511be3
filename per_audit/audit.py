"""The audit: discover -> parts -> gate -> facts -> link -> rules -> suppressions -> a report in a fixed order."""

from __future__ import annotations

import functools
import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from per_audit.errors import InternalError, UserError, in_a_line
from per_audit.findings import Finding, Notice, Place, Report, Severity
from per_audit.housekeeping import UNPARSABLE_FILE
from per_audit.overrides import Overrides
from per_audit.own_rules import check_own
from per_audit.source import COPY_MARK, SourceFile, as_module, discover, is_document, project_root
from per_audit.source.components import components
from per_audit.source.imports import imports_of
from per_audit.source.resolve import Modules
from per_audit.source.suppressions import MARK
from per_audit.suppress import Suppressor

if TYPE_CHECKING:
    from pathlib import Path

    from per_audit.catalogue import Catalogue
    from per_audit.facts import ModuleFacts
    from per_audit.facts.pool import Extracted
    from per_audit.graph import ReplayGraph
    from per_audit.rule import Rule
    from per_audit.settings import Settings
    from per_audit.source import Discovery

Progress = Callable[[int, int], None]
"""Called with how many files are done and how many there are."""
FactsCache = MutableMapping[tuple[str, bytes], "Extracted"]
"""What was read of a file, by its path and contents."""


@dataclass(slots=True)
class Audit:
    """What an audit found, and the replay graphs that it rests on, from which fixes are planned.

    `graphs` are those of the modules and notebooks, one for the files that are connected by imports, so that nothing
    found depends on what else is in the tree. `documents` holds a graph for each Markdown file: what a text shows of a
    project is no part of it, neither a caller that is missing nor a training loop that is there.
    """

    report: Report
    graphs: list[ReplayGraph]
    documents: list[ReplayGraph] = field(default_factory=list)


def audit(
    root: Path,
    paths: Sequence[Path],
    settings: Settings,
    progress: Progress | None = None,
    overlay: Mapping[str, bytes] | None = None,
    jobs: int | None = 1,
    cache: FactsCache | None = None,
) -> Audit:
    """Audit the Python in the files at and below `paths`; nothing of the audited code is imported or run.

    `root` holds all paths, and reported paths are relative to it. `overlay` gives files, by such paths, other contents
    than those on the disk, so that a fix can be judged before it is written. `jobs` is the number of processes that
    read many files, None for one a processor. `cache` keeps what was read for the next audit of the same contents.
    Raises UserError for paths or settings that make no sense, InternalError where per-audit itself fails.
    """
    from per_audit.memory import collector_paused, deep_stack

    root = root.resolve()
    files = discover(root, paths, settings.filters, overlay)
    found_in = _Sources(files)
    notices = found_in.notices
    suppressor = Suppressor(settings.catalogue)
    parts = [part for part in found_in.parts() if part.matters or not settings.gates]
    modules = _read(parts, suppressor, notices, progress, jobs, cache)
    try:
        with collector_paused():
            linked, documents = _linked(parts, modules, found_in.tree)
    except Exception as error:
        raise InternalError(f"linking the files of {root} failed: {in_a_line(error)}") from error
    for each in linked:
        each.verified = functools.partial(_verified, root)
    rules = settings.chosen
    graphs = [(each, False) for each in linked] + [(each, True) for each in documents]
    with deep_stack():
        found = _with_ids(
            finding
            for rule in rules
            for each, is_text in graphs
            for finding in _check(rule, each, root, settings.catalogue)
            if not is_text or _is_shown(finding)
        )
    notices += [_followed_in_part(place) for each in linked for place in getattr(each, "followed_in_part", list)()]
    kept, about_comments = suppressor.apply(found, rules)
    if len(files) == found_in.without_python:
        notices.append(Notice(".", 1, "no-python-files", "there is no Python file to audit here"))
    notices += files.notices + suppressor.notices
    report = Report(
        root=root.as_posix(),
        findings=sorted(Overrides(settings, root).apply([*kept, *_with_ids(about_comments)]), key=_order),
        notices=sorted(set(notices), key=_reading_order),
        pipelines=[
            pipeline
            for some in (linked, documents)
            for pipeline in sorted((found for each in some for found in getattr(each, "describe", list)()), key=_where)
        ],
        files=len(files) - found_in.without_python,
        suppressed=len(found) - len(kept),
    )
    return Audit(report, linked, documents)


@dataclass(frozen=True, slots=True)
class _Part:
    """Files that may influence each other; `matters` is False where nothing can be found in any of them."""

    files: list[SourceFile]
    matters: bool


class _Sources:
    """The Python of the files that were found. `tree` are those that imports may mean."""

    def __init__(self, files: Discovery) -> None:
        self.notices: list[Notice] = []
        self.without_python = 0
        self._files: dict[str, SourceFile] = {}
        copies: set[str] = set()
        for file in files:
            module = as_module(file)
            if module is None:
                self.without_python += 1
            elif isinstance(module, Notice):
                self.notices.append(module)
            elif module.data.startswith(COPY_MARK):
                copies.add(file.relative)  # known by its interface, as the installed package is
            elif b"\0" in module.data:
                self.notices.append(_unparsable(module, 1, "binary content (NUL bytes)"))
            else:
                self._files[file.relative] = module
        self.tree = Modules(path for path in files.paths if path not in copies and not is_document(path))

    def parts(self) -> Iterator[_Part]:
        """The files by what may influence each other; each text is on its own."""
        from per_audit.facts import may_matter

        imports = {path: () if is_document(path) else imports_of(module.data) for path, module in self._files.items()}
        for paths in components(imports, self.tree):
            files = [self._files[path] for path in paths]
            # Whether a suppression is unused can only be said of a file that parses: such files pass the gate.
            yield _Part(files, any(MARK in file.data or may_matter(file.data) for file in files))


def _read(
    parts: Sequence[_Part],
    suppressor: Suppressor,
    notices: list[Notice],
    progress: Progress | None,
    jobs: int | None,
    cache: FactsCache | None,
) -> dict[str, ModuleFacts]:
    """The facts of the files that have some, by path; what matters and has none, or not all, is a notice."""
    from per_audit.facts import Unparsable

    wanted = sorted(((file, part.matters) for part in parts for file in part.files), key=lambda each: each[0].relative)
    modules: dict[str, ModuleFacts] = {}
    facts_of = _facts([file for file, _ in wanted], jobs, cache)
    for number, ((file, matters), facts) in enumerate(zip(wanted, facts_of, strict=True)):
        if progress is not None:
            progress(number, len(wanted))
        if matters:
            notices += file.notices
        if not isinstance(facts, Unparsable):
            facts.layout = file.layout
            modules[file.relative] = facts
            suppressor.read(file)
        elif matters:
            notices.append(_unparsable(file, facts.line, facts.reason))
    if progress is not None:
        progress(len(wanted), len(wanted))
    return modules


def _linked(
    parts: Iterable[_Part], modules: Mapping[str, ModuleFacts], tree: Modules
) -> tuple[list[ReplayGraph], list[ReplayGraph]]:
    """The graphs of what may influence each other, and those of the texts."""
    from per_audit.graph import link

    linked: list[ReplayGraph] = []
    documents: list[ReplayGraph] = []
    for part in parts:
        known = [modules[file.relative] for file in part.files if file.relative in modules]
        if known and is_document(known[0].path):
            documents.append(link(known))
        elif known:
            linked.append(link(known, tree))
    return linked, documents


def _verified(root: Path, paths: Iterable[str]) -> bool:
    """Whether the record of the project covers these files, which are relative to the root of the audit, as they are.

    A record that cannot be read covers nothing: what is wrong with it is for `verify` to say.
    """
    from per_audit.verify.record import is_current

    try:
        return is_current(project_root(root), [root / path for path in paths])
    except UserError:
        return False


def fails(report: Report, fail_on: str) -> bool:
    """Whether a finding is as severe as `fail_on`: "error", "warning", "info" or "never"."""
    if fail_on == "never":
        return False
    return any(finding.severity.rank >= Severity(fail_on).rank for finding in report.findings)


def _facts(files: Sequence[SourceFile], jobs: int | None, cache: FactsCache | None) -> Iterator[Extracted]:
    """The facts of each file, in order, or why it has none."""
    from per_audit.facts.pool import extract_all

    cache = {} if cache is None else cache
    new = [(file.relative, file.data) for file in files if (file.relative, file.data) not in cache]
    extracted = extract_all(new, jobs)
    for file in files:
        key = (file.relative, file.data)
        if key not in cache:
            try:
                cache[key] = next(extracted)
            except Exception as error:
                raise InternalError(f"reading {file.relative} failed: {in_a_line(error)}") from error
        yield cache[key]


def _followed_in_part(place: Place) -> Notice:
    message = "audited in part: code that is nested too deeply to be followed"
    return Notice(place.path, place.line, UNPARSABLE_FILE.name, message, place.cell)


def _unparsable(file: SourceFile, line: int, reason: str) -> Notice:
    cell = None
    if file.layout is not None:
        cell, line, _ = file.layout.locate(line)
    return Notice(file.relative, line, UNPARSABLE_FILE.name, f"not audited: {reason}", cell)


def _reading_order(notice: Notice) -> tuple[str, int, int, str, str]:
    return notice.path, notice.cell or 0, notice.line, notice.kind, notice.message


def _check(rule: Rule, graph: ReplayGraph, root: Path, catalogue: Catalogue) -> list[Finding]:
    try:
        if rule in catalogue.own:
            return check_own(rule, graph)
        return list(rule.check(graph))
    except UserError:
        raise
    except Exception as error:
        raise InternalError(f"rule {rule.code} ({rule.name}) failed on {root}: {in_a_line(error)}") from error


def _is_shown(finding: Finding) -> bool:
    """Whether a text shows what the finding rests on: what is missing from an example without a loss says nothing."""
    return finding.severity is not Severity.INFO and any(link.role in ("learnt", "loss") for link in finding.evidence)


def _where(pipeline: Mapping[str, Any]) -> tuple[object, ...]:
    return pipeline.get("path", ""), pipeline.get("cell") or 0, pipeline.get("line", 0), pipeline.get("name", "")


def _order(finding: Finding) -> tuple[object, ...]:
    return finding.place, finding.rule, finding.symbol, finding.message


def _with_ids(findings: Iterable[Finding]) -> list[Finding]:
    """The findings in order, without repetitions, each with its id.

    The id is made of the rule, the file, the symbol and the how-manieth finding of these three it is, so that lines
    added or removed above do not change it.
    """
    seen: Counter[tuple[str, str, str]] = Counter()
    numbered = []
    for finding in sorted(dict.fromkeys(findings), key=_order):
        key = (finding.rule, finding.place.path, finding.symbol)
        text = "\0".join((*key, str(seen[key])))
        seen[key] += 1
        digest = hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
        numbered.append(replace(finding, id=digest[:16]))
    return numbered
