"""The audit: discover -> parts -> gate -> facts -> link -> rules -> suppressions -> a report in a fixed order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from typing import TYPE_CHECKING, Any

from per_audit.audit.joined import joined
from per_audit.audit.judge import Judge
from per_audit.audit.outcome import Audit, Outcome, finding_order, with_ids
from per_audit.audit.parts import Sources
from per_audit.audit.suppress import Suppressor
from per_audit.audit.workers import judge_all
from per_audit.errors import Failure
from per_audit.findings import Notice, Report
from per_audit.settings.overrides import Overrides
from per_audit.source import discover

if TYPE_CHECKING:
    from pathlib import Path

    from per_audit.audit.parts import Part
    from per_audit.facts.pool import Extracted
    from per_audit.graph import ReplayGraph
    from per_audit.settings import Settings
    from per_audit.source import SourceFile

Progress = Callable[[int, int], None]
"""Called with how many files are done and how many there are."""
FactsCache = MutableMapping[tuple[str, bytes], "Extracted"]
"""What was read of a file, by its path and contents."""
Outcomes = MutableMapping[str, Outcome]
"""What was found in the files of a part, by the key of the part."""


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
    done = _audit(root, paths, settings, progress, overlay, jobs, cache, None)
    if failures := done.report.failures:
        raise failures[0].raised(len(failures) - 1)
    return done


def audit_report(
    root: Path,
    paths: Sequence[Path],
    settings: Settings,
    progress: Progress | None = None,
    overlay: Mapping[str, bytes] | None = None,
    jobs: int | None = 1,
    cache: FactsCache | None = None,
    outcomes: Outcomes | None = None,
) -> Report:
    """The report of an audit, in which each finding says what a fix would do about it.

    The arguments are those of `audit`. `outcomes` keeps what was found for the next audit in which files that may
    influence each other are the same. Where per-audit itself fails, the rest is reported, with the failures.
    """
    return _audit(root, paths, settings, progress, overlay, jobs, cache, {} if outcomes is None else outcomes).report


def _audit(
    root: Path,
    paths: Sequence[Path],
    settings: Settings,
    progress: Progress | None,
    overlay: Mapping[str, bytes] | None,
    jobs: int | None,
    cache: FactsCache | None,
    outcomes: Outcomes | None,
) -> Audit:
    root = root.resolve()
    files = discover(root, paths, settings.filters, overlay)
    found_in = Sources(files, judges_all=bool(settings.catalogue.own))
    suppressor = Suppressor(settings.catalogue)
    parts = [part for part in found_in.parts() if part.matters or not settings.gates]
    known = {} if outcomes is None else {part.key: outcomes[part.key] for part in parts if part.key in outcomes}
    new = [part for part in parts if part.key not in known]
    modules = _read(new, progress, jobs, cache)
    graphs: dict[bool, list[ReplayGraph]] = {False: [], True: []}
    if outcomes is None:
        judge = Judge(root, settings, found_in.tree, modules)
        for part in new:
            known[part.key], graph = judge(part, with_offers=False)
            if graph is not None:
                graphs[part.is_text].append(graph)
    else:
        for part, outcome in zip(new, judge_all(new, modules, root, settings, found_in.tree, jobs), strict=True):
            known[part.key] = outcome
            if not outcome.failures:
                outcomes[part.key] = outcome
    made: dict[bool, list[Outcome]] = {False: [], True: []}
    for part, outcome in zip(parts, joined(parts, known, found_in), strict=True):
        made[part.is_text].append(outcome)
        for file in part.files:
            if file.relative not in outcome.unparsable:
                suppressor.read(file)
    every = [*made[False], *made[True]]
    found = sorted((finding for outcome in every for finding in outcome.findings), key=finding_order)
    kept, about_comments = suppressor.apply(found, settings.chosen)
    notices = [*found_in.notices, *(notice for outcome in every for notice in outcome.notices)]
    if len(files) == found_in.without_python:
        notices.append(Notice(".", 1, "no-python-files", "there is no Python file to audit here"))
    failures = [failure for outcome in every for failure in outcome.failures]
    notices += [Notice(".", 1, "internal-error", failure.message) for failure in failures]
    notices += files.notices + suppressor.notices
    report = Report(
        root=root.as_posix(),
        findings=sorted(Overrides(settings, root).apply([*kept, *with_ids(about_comments)]), key=finding_order),
        notices=sorted(set(notices), key=_reading_order),
        pipelines=[
            pipeline
            for some in made.values()
            for pipeline in sorted((each for outcome in some for each in outcome.pipelines), key=_where)
        ],
        files=len(files) - found_in.without_python,
        suppressed=len(found) - len(kept),
        failures=failures,
    )
    return Audit(report, graphs[False], graphs[True])


def _read(
    parts: Sequence[Part], progress: Progress | None, jobs: int | None, cache: FactsCache | None
) -> dict[str, Extracted]:
    """The facts of the files of the parts, or why there are none, by path."""
    wanted = sorted((file for part in parts for file in part.files), key=lambda file: file.relative)
    modules: dict[str, Extracted] = {}
    for number, (file, facts) in enumerate(zip(wanted, _facts(wanted, jobs, cache), strict=True)):
        if progress is not None:
            progress(number, len(wanted))
        modules[file.relative] = facts
    if progress is not None:
        progress(len(wanted), len(wanted))
    return modules


def _facts(files: Sequence[SourceFile], jobs: int | None, cache: FactsCache | None) -> Iterator[Extracted]:
    """The facts of each file, in order, or why it has none."""
    from per_audit.facts.pool import extract_all

    cache = {} if cache is None else cache
    new = [(file.relative, file.data) for file in files if (file.relative, file.data) not in cache]
    extracted = extract_all(new, jobs)
    for file in files:
        key = (file.relative, file.data)
        if key in cache:
            yield cache[key]
        elif isinstance(found := next(extracted), Failure):
            yield found
        else:
            cache[key] = found
            yield found


def _reading_order(notice: Notice) -> tuple[str, int, int, str, str]:
    return notice.path, notice.cell or 0, notice.line, notice.kind, notice.message


def _where(pipeline: Mapping[str, Any]) -> tuple[object, ...]:
    return pipeline.get("path", ""), pipeline.get("cell") or 0, pipeline.get("line", 0), pipeline.get("name", "")
