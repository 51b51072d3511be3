"""One scan: an audit, what could be fixed, and what of it is news to the one who asks."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from per_audit.cache.reports import remembered
from per_audit.errors import UserError
from per_audit.findings import Notice
from per_audit.source import discover, project_root, scan_root

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from per_audit.audit import FactsCache, Progress
    from per_audit.cache import Store
    from per_audit.findings import Report
    from per_audit.settings import Settings
    from per_audit.team.baseline import Baseline, Entry

_NOT_READ = ("unparsable-file", "unparsable-cell", "unreadable-file")


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked of one scan beyond the project's settings.

    `since` is a git revision: only findings that touch what has changed since then are reported. `update_baseline`
    records what is found now, `prune_baseline` drops from the baseline what is gone and adds nothing. `unsaved` is a
    file, resolved, with the text that an editor holds of it: only findings in that file are reported.
    """

    since: str | None = None
    update_baseline: bool = False
    prune_baseline: bool = False
    fail_on_stale: bool = False
    unsaved: tuple[Path, bytes] | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """What a scan reports, the exit code that it asks for, and what is to be said beside the report.

    Where per-audit itself failed in a step, the report has the `failures`, and the exit code is for the caller to set.
    """

    report: Report
    exit_code: int
    said: str = ""


def scan(
    root: Path,
    paths: Sequence[Path],
    settings: Settings,
    request: Request,
    progress: Progress | None = None,
    jobs: int | None = 1,
    cache: FactsCache | None = None,
    store: Store | None = None,
) -> Result:
    """Audit the files at and below `paths`, and leave out what the baseline knows and what has not changed.

    The arguments are those of `audit`. From `store` comes the report of files that have not changed. Raises UserError
    for a request that makes no sense, and as `audit` does.
    """
    baseline = _baseline(settings, request)
    changes = None
    if request.since is not None:
        from per_audit.team.changes import Changes  # takes a while to import, as the baseline does, and few ask for it

        changes = Changes(root, request.since)
    overlay = {}
    if request.unsaved is not None:
        path, data = request.unsaved
        overlay[path.relative_to(root).as_posix()] = data

    def anew() -> Report:
        from per_audit.audit import audit_report  # takes longer to import than a project takes that has not changed
        from per_audit.cache.outcomes import StoredOutcomes

        outcomes = None if store is None else StoredOutcomes(store, root, settings)
        made = audit_report(root, paths, settings, progress, overlay, jobs, cache, outcomes)
        if outcomes is not None:
            outcomes.save()
        return made

    if store is None or overlay:
        report = anew()
    else:
        report = remembered(store, root, discover(root, paths, settings.filters), settings, anew)
    report = replace(report, unsaved=overlay)
    said = ""
    if baseline is not None:
        if report.failures:  # what was not judged is neither known nor gone
            raise report.failures[0].raised(len(report.failures) - 1)
        report, said = _without_known(report, baseline, paths, settings, request)
    if changes is not None:
        touched = [finding for finding in report.findings if changes.touch(finding)]
        report = replace(report, findings=touched, unchanged=len(report.findings) - len(touched))
    if overlay:
        report = _of_files(report, overlay)
    failed = report.fails(settings.fail_on) or (request.fail_on_stale and report.stale > 0)
    return Result(report, int(failed), said)


def places(named: Sequence[Path], unsaved: Path | None = None) -> tuple[Path, list[Path]]:
    """The directory that reported paths are relative to, and the resolved paths to audit.

    Without a path that is the current directory, or the project of the `unsaved` file.
    """
    if unsaved is None:
        named = named or (Path(),)
        return scan_root(named), [path.resolve() for path in named]
    named = named or (project_root(unsaved),)
    return scan_root([*named, unsaved]), [path.resolve() for path in named]


def _of_files(report: Report, files: Collection[str]) -> Report:
    return replace(
        report,
        findings=[finding for finding in report.findings if finding.place.path in files],
        notices=[notice for notice in report.notices if notice.path in files],
    )


def _baseline(settings: Settings, request: Request) -> Baseline | None:
    """The baseline that is in force; an empty one where the first is about to be written."""
    writes = request.update_baseline or request.prune_baseline
    if settings.baseline is None:
        for wanted, option in (
            (request.update_baseline, "--update-baseline"),
            (request.prune_baseline, "--prune-baseline"),
            (request.fail_on_stale, "--fail-on-stale"),
        ):
            if wanted:
                raise UserError(
                    f"{option}: there is no baseline; name one with --baseline per-audit-baseline.json, "
                    'or with baseline = "per-audit-baseline.json" in [tool.per-audit]'
                )
        return None
    for given, option in ((request.since, "--since"), (request.unsaved, "--stdin-filename")):
        if writes and given is not None:
            raise UserError(f"{option}: a baseline holds the findings of a whole project as it is; update it without")
    from per_audit.team.baseline import Baseline

    path = settings.base / settings.baseline
    if request.update_baseline and not path.exists():
        return Baseline(path)
    return Baseline.load(path)


def _without_known(
    report: Report, baseline: Baseline, paths: Sequence[Path], settings: Settings, request: Request
) -> tuple[Report, str]:
    """The report without the findings that the baseline knows, and what was written to it."""
    from per_audit.team.baseline import Baseline

    root = Path(report.root)
    match = baseline.match(root, report.findings, report.unsaved)
    outside = baseline.outside([path.resolve() for path in paths])
    stale = [] if outside else _judged(match.gone, baseline, report, settings)
    said = ""
    if request.update_baseline or request.prune_baseline:
        if outside:
            raise UserError(
                f"{baseline.path}: has findings outside of what was scanned ({outside[0].path}); "
                "scan the whole project to update it"
            )
        recorded = report.findings if request.update_baseline else match.known
        unjudged = [entry for entry in match.gone if entry not in set(stale)]
        Baseline(baseline.path, [*baseline.entries_of(root, recorded), *unjudged]).write()
        new = match.new if request.update_baseline else []
        said = f"{baseline.path}: {len(recorded) + len(unjudged)} known, {len(new)} of them new, {len(stale)} gone"
        match = replace(match, new=[] if request.update_baseline else match.new)
        stale = []
    notices = report.notices
    if stale:
        notice = _about(stale, root, baseline)
        notices = [notice, *notices]
        said = notice.message if request.fail_on_stale else ""
    return replace(
        report, findings=match.new, known=len(report.findings) - len(match.new), stale=len(stale), notices=notices
    ), said


def _judged(gone: Sequence[Entry], baseline: Baseline, report: Report, settings: Settings) -> list[Entry]:
    """The entries of which this scan can say that they are gone: their rule was on and their file was read."""
    off = {rule.code for rule in settings.catalogue.rules} - {rule.code for rule in settings.chosen}
    directory = baseline.path.parent.resolve()
    not_read = {Path(report.root, notice.path) for notice in report.notices if notice.kind in _NOT_READ}
    return [entry for entry in gone if entry.rule not in off and (directory / entry.path) not in not_read]


def _about(stale: Sequence[Entry], root: Path, baseline: Baseline) -> Notice:
    path = baseline.path.resolve()
    where = path.relative_to(root).as_posix() if path.is_relative_to(root) else "."
    first = stale[0]
    example = f"{first.rule} in {first.path}" + (f", {first.symbol}" if first.symbol else "")
    what = "finding of the baseline is" if len(stale) == 1 else "findings of the baseline are"
    message = f"{len(stale)} {what} gone ({example}); run --update-baseline to shrink it"
    return Notice(where, 1, "stale-baseline", message)
