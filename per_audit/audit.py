"""The audit: discover -> gate -> facts -> link -> rules -> suppressions -> a report in a fixed order."""

from __future__ import annotations

import gc
import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from per_audit.errors import InternalError, UserError, in_a_line
from per_audit.findings import Finding, Notice, Place, Report, Severity
from per_audit.housekeeping import UNPARSABLE_FILE
from per_audit.overrides import Overrides
from per_audit.own_rules import check_own
from per_audit.source import COPY_MARK, SourceFile, as_module, discover, is_document
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

Progress = Callable[[int, int], None]
"""Called with how many files are done and how many there are."""
FactsCache = MutableMapping[tuple[str, bytes], "Extracted"]
"""What was read of a file, by its path and contents."""


@dataclass(slots=True)
class Audit:
    """What an audit found, and the replay graphs that it rests on, from which fixes are planned.

    `graph` is the project's: its modules and notebooks. `documents` holds a graph for each Markdown file: what a text
    shows of a project is no part of it, neither a caller that is missing nor a training loop that is there.
    """

    report: Report
    graph: ReplayGraph
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
    from per_audit.facts import Unparsable, may_matter
    from per_audit.facts.memory import deep_stack
    from per_audit.graph import link

    root = root.resolve()
    files = discover(root, paths, settings.filters, overlay)
    notices: list[Notice] = []
    suppressor = Suppressor(settings.catalogue)
    wanted: list[SourceFile] = []
    without_python = 0
    for file in files:
        module = as_module(file)
        if module is None:
            without_python += 1
        elif isinstance(module, Notice):
            notices.append(module)
        elif module.data.startswith(COPY_MARK):
            continue  # known by its interface, as the installed package is
        elif b"\0" in module.data:
            notices.append(_unparsable(module, 1, "binary content (NUL bytes)"))
        elif not settings.gates or MARK in module.data or may_matter(module.data):
            # Whether a suppression is unused can only be said of a file that parses: such files pass the gate.
            wanted.append(module)
            notices += module.notices
    modules: list[ModuleFacts] = []
    for number, (file, facts) in enumerate(zip(wanted, _facts(wanted, jobs, cache), strict=True)):
        if progress is not None:
            progress(number, len(wanted))
        if isinstance(facts, Unparsable):
            notices.append(_unparsable(file, facts.line, facts.reason))
        else:
            facts.layout = file.layout
            modules.append(facts)
            suppressor.read(file)
    if progress is not None:
        progress(len(wanted), len(wanted))
    try:
        with _no_garbage_collection():
            graph = link([module for module in modules if not is_document(module.path)])
            documents = [link([module]) for module in modules if is_document(module.path)]
    except Exception as error:
        raise InternalError(f"linking the files of {root} failed: {in_a_line(error)}") from error
    rules = settings.chosen
    graphs = [graph, *documents]
    with deep_stack():
        found = _with_ids(
            finding
            for rule in rules
            for each in graphs
            for finding in _check(rule, each, root, settings.catalogue)
            if each is graph or _is_shown(finding)
        )
    notices += [_followed_in_part(place) for place in getattr(graph, "followed_in_part", list)()]
    kept, about_comments = suppressor.apply(found, rules)
    if len(files) == without_python:
        notices.append(Notice(".", 1, "no-python-files", "there is no Python file to audit here"))
    notices += files.notices + suppressor.notices
    report = Report(
        root=root.as_posix(),
        findings=sorted(Overrides(settings, root).apply([*kept, *_with_ids(about_comments)]), key=_order),
        notices=sorted(set(notices), key=_reading_order),
        pipelines=[pipeline for each in graphs for pipeline in getattr(each, "describe", list)()],
        files=len(files) - without_python,
        suppressed=len(found) - len(kept),
    )
    return Audit(report, graph, documents)


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


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """The values of an analysis are many and hold no cycles: looking for some takes a third of the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


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
