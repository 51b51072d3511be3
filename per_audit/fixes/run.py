"""`per-audit fix`: audit, plan, edit in memory, audit again until nothing changes, then write all at once."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from per_audit.audit import Audit, FactsCache, Progress, audit
from per_audit.findings import Applicability, Finding, Report, Severity, spot
from per_audit.fixes.delivery import deliver
from per_audit.fixes.edits import EditError, apply, merge, syntax_error
from per_audit.fixes.guard import require_clean
from per_audit.fixes.imports import adjust
from per_audit.fixes.journal import recover, write
from per_audit.fixes.layout import Layout
from per_audit.fixes.result import FixResult, Refusal, Why
from per_audit.fixes.review import Answer
from per_audit.fixes.transaction import Change
from per_audit.settings.overrides import Overrides
from per_audit.source import SourceFile, as_module, discover, project_root

if TYPE_CHECKING:
    from collections.abc import Sequence

    from per_audit.fixes.plan import Edit, FixOptions, Plan
    from per_audit.fixes.review import Review
    from per_audit.settings import Settings

_MAX_ROUNDS = 200
# A fix may make a suppression comment superfluous; that comment is the user's to remove. And code that calls what
# nobody defines did so before: it is only now that it stands on the way of priorities.
_TOLERATED = frozenset({"PER901", "PER910"})
# What a rule has to say of a place as soon as another has nothing worse to say of it.
_REVEALED = {"PER105": "PER402"}


def fix(
    root: Path,
    paths: Sequence[Path],
    settings: Settings,
    options: FixOptions,
    progress: Progress | None = None,
    jobs: int | None = 1,
    cache: FactsCache | None = None,
    review: Review | None = None,
) -> FixResult:
    """Fix what can be fixed in the files at and below `paths`, or with `options.diff` only say how.

    `root` holds all paths; `jobs` and `cache` are as for the audit. With `review` a person is asked about each fix;
    nothing is written before the last answer. Raises UserError, and changes nothing, where
    files cannot be written, are not committed, or where the reference buffers cannot be brought into the project.
    """
    root = root.resolve()
    paths = [(root / path).resolve() for path in paths] or [root]
    project = _project(paths)
    if not project.is_relative_to(root):
        root = project  # what is copied may belong above the paths
    notes = []
    if not options.diff and recover(project) is not None:
        notes.append("An earlier run had been cut short; the files were put back as they were before it.")
    if review is not None and not options.allow_dirty:
        require_clean(project, set())  # before the first question rather than after the last answer
    run = _Run(root, project, paths, settings, options, progress, jobs, {} if cache is None else cache, review)
    run.to_the_end()
    changes = [
        Change(path, run.sources[path], data) for path, data in run.contents.items() if data != run.sources[path]
    ]
    copied: list[Change] = []
    needed = run.imports()
    if needed:
        copied, about_delivery = deliver(root, project, run.layout, needed, options)
        notes += about_delivery
    if (changes or copied) and not options.diff:
        inside = [_inside(change, root, project) for change in [*changes, *copied]]
        if not options.allow_dirty:
            require_clean(project, {change.path for change in inside})
        write(project, inside, "; ".join(dict.fromkeys(plan.title for plan in run.applied)))
    return FixResult(
        root=root,
        project=project,
        options=options,
        report=run.selected_report(),
        fail_on=settings.fail_on,
        applied=run.applied,
        refused=list(run.refused.values()),
        changes=changes,
        copied=copied,
        notes=notes,
        written=bool(changes or copied) and not options.diff,
    )


class _Run:
    """The rounds of planning and editing; nothing of it touches the disk."""

    def __init__(
        self,
        root: Path,
        project: Path,
        paths: Sequence[Path],
        settings: Settings,
        options: FixOptions,
        progress: Progress | None,
        jobs: int | None,
        cache: FactsCache,
        review: Review | None,
    ) -> None:
        self.root = root
        self._review = review
        self._accepts_all = self._has_quit = False
        self._jobs = jobs
        self._project = project
        self.options = options
        self.applied: list[Plan] = []
        self.refused: dict[tuple[str, str, tuple[str, ...]], Refusal] = {}
        self._paths = paths
        # Every rule watches over the result, also those that the user did not ask for.
        self._settings = replace(settings, select=(), ignore=(), per_file_ignores=(), severity=())
        self._overrides = Overrides(settings, root)
        self._chosen = {rule.code for rule in settings.chosen}
        self._progress = progress
        self._cache = cache
        # One reading of the files for all rounds: what is written later is compared with what was judged here.
        self.sources = {file.relative: file.data for file in discover(root, paths, settings.filters)}
        self.contents = dict(self.sources)
        self._audit = self._audited(self.contents)

    def to_the_end(self) -> None:
        """Apply plans until there is none left that may be applied."""
        one_by_one = False
        for _ in range(_MAX_ROUNDS):
            plans = self._open_plans()
            asks = self._review is not None and not self._accepts_all
            batch = self._compatible(plans[:1] if one_by_one or asks else plans)
            if not batch or self._has_quit:
                return
            problem = self._attempt(batch)
            if problem is None:
                self.applied += batch
            elif len(batch) == 1:
                self._refuse(batch[0], *problem)
                one_by_one = False
            else:
                one_by_one = True
        for plan in self._open_plans():
            self._refuse(plan, Why.FAILED, "the fixes did not come to an end")

    @cached_property
    def layout(self) -> Layout:
        """All files of the project, whether they were audited or not."""
        files = discover(self.root, [self._project], self._settings.filters)
        sources = {file.relative: file.data for file in files} | self.sources
        modules = (as_module(SourceFile(self.root / path, path, data)) for path, data in sources.items())
        return Layout({module.relative: module.data for module in modules if isinstance(module, SourceFile)})

    def imports(self) -> dict[str, set[str]]:
        """The names of the package that each file needs for the plans that were applied."""
        needed: dict[str, set[str]] = {}
        for plan in self.applied:
            for path, names in plan.imports.items():
                needed.setdefault(path, set()).update(names)
        return needed

    def selected_report(self) -> Report:
        """What is left of the findings that the user asked for."""
        return replace(self._audit.report, findings=self._selected())

    def _selected(self) -> list[Finding]:
        findings = [finding for finding in self._audit.report.findings if finding.rule in self._chosen]
        return self._overrides.apply(findings)

    def _audited(self, contents: dict[str, bytes]) -> Audit:
        return audit(
            self.root, self._paths, self._settings, self._progress, overlay=contents, jobs=self._jobs, cache=self._cache
        )

    def _open_plans(self) -> list[Plan]:
        """The plans that may be applied; the others are noted with the reason."""
        from per_audit.fixes.planner import plan_fixes

        asked = {finding.id for finding in self._selected()}
        done = {plan.key for plan in self.applied}
        final = Why.FAILED, Why.DECLINED
        self.refused = {key: refusal for key, refusal in self.refused.items() if refusal.why in final}
        found = []
        for plan in plan_fixes(self._audit, self.options):
            if plan.key in self.refused or asked.isdisjoint(plan.findings):
                continue
            if plan.applicability is Applicability.UNSAFE and not self.options.unsafe:
                self._refuse(plan, Why.UNSAFE, plan.reason)
            elif plan.applicability in (Applicability.MANUAL, Applicability.NONE):
                self._refuse(plan, Why(plan.applicability.value), plan.reason)
            elif plan.key in done:
                self._refuse(plan, Why.FAILED, "its findings came back after it had been applied")
            else:
                found.append(plan)
        return found

    def _compatible(self, plans: list[Plan]) -> list[Plan]:
        """Plans that can be applied together; one that overlaps an earlier one is planned afresh in the next round."""
        batch: list[Plan] = []
        edits: list[Edit] = []
        for plan in plans:
            try:
                own = merge([], plan.edits)
            except EditError as error:
                self._refuse(plan, Why.FAILED, f"{error}, which overlap")
                continue
            try:
                edits = merge(edits, own)
            except EditError:
                continue
            batch.append(plan)
        return batch

    def _attempt(self, batch: list[Plan]) -> tuple[Why, str] | None:
        """Apply the plans and keep the result where it passes all checks, or say what is wrong with it."""
        try:
            contents = self.contents | self._edited(batch)
        except EditError as error:
            return Why.FAILED, str(error)
        after = self._audited(contents)
        problem = _shortfall(batch, self._audit.report, after.report)
        if problem is not None:
            return Why.FAILED, problem
        if self._review is not None and not (self._accepts_all and _is_safe(batch)):
            return self._ask(self._review, batch, contents, after)
        self.contents, self._audit = contents, after
        return None

    def _ask(
        self, review: Review, batch: list[Plan], contents: dict[str, bytes], after: Audit
    ) -> tuple[Why, str] | None:
        """Keep the result where the person wants it; what the person edits passes the same checks before."""
        while True:
            changes = [
                Change(path, old, contents[path]) for path, old in self.contents.items() if contents[path] != old
            ]
            answer = review.ask(batch[0], changes)
            if answer in (Answer.NO, Answer.QUIT):
                self._has_quit = answer is Answer.QUIT
                return Why.DECLINED, "not wanted"
            if answer in (Answer.YES, Answer.ALL):
                self._accepts_all |= answer is Answer.ALL
                self.contents, self._audit = contents, after
                return None
            edited = review.edited(changes)
            if edited is None:
                continue
            problem = next((f"{path}: {error}" for path in edited if (error := syntax_error(edited[path]))), None)
            if problem is None:
                tried = self._audited(contents | dict(edited))
                problem = _shortfall(batch, self._audit.report, tried.report)
            if problem is None:
                contents, after = contents | dict(edited), tried
            else:
                review.refused(problem)

    def _edited(self, batch: list[Plan]) -> dict[str, bytes]:
        """The new contents of the files that the plans touch."""
        edits: list[Edit] = []
        for plan in batch:
            edits = merge(edits, plan.edits)
        new: dict[str, bytes] = {}
        for path in sorted({path for plan in batch for path in plan.paths}):
            if path not in self.contents:
                raise EditError(f"{path}: is not among the files that were audited")
            add = {name for plan in batch for name in plan.imports.get(path, ()) if "." not in name}
            unneeded = {name for plan in batch for name in plan.unneeded.get(path, ())}
            unneeded = {name for name in unneeded if not self.layout.imports_from(path, name)}
            try:
                data = apply(self.contents[path], [edit for edit in edits if edit.path == path])
                _require_syntax(data)
                new[path] = adjust(data, add, unneeded, self.layout.local_names(path))
                _require_syntax(new[path])
            except EditError as error:
                raise EditError(f"{path}: {error}") from error
        return new

    def _refuse(self, plan: Plan, why: Why, reason: str) -> None:
        self.refused[plan.key] = Refusal(plan, why, reason)


def _is_safe(batch: list[Plan]) -> bool:
    return all(plan.applicability is Applicability.SAFE for plan in batch)


def _require_syntax(data: bytes) -> None:
    problem = syntax_error(data)
    if problem is not None:
        raise EditError(f"the result would not be valid Python: {problem}")


def _shortfall(batch: list[Plan], before: Report, after: Report) -> str | None:
    """What the result lacks: a finding that was to go is still there, or a new one has come into a touched file.

    Findings are counted, because their ids hold numbers that move when one of them goes; those that stay may get
    another symbol from the edits, so new ones are counted by rule and file alone.
    """
    by_id = {finding.id: finding for finding in before.findings}
    resolved = {name for plan in batch if not plan.shares for name in plan.findings}
    solved = [by_id[name] for name in resolved if name in by_id]
    touched = {path for plan in batch for path in plan.paths}
    had, claimed = Counter(map(_key, before.findings)), Counter(map(_key, solved))
    seen = Counter(map(_key, after.findings))
    room = Counter(map(_rule_and_path, before.findings)) - Counter(map(_rule_and_path, solved))
    room += Counter((_REVEALED[each.rule], each.place.path) for each in solved if each.rule in _REVEALED)
    for finding in sorted(after.findings, key=lambda finding: _key(finding) not in had):
        key = _key(finding)
        room[_rule_and_path(finding)] -= 1
        place = spot(finding.place.path, finding.place.cell, finding.place.line)
        where = f"{finding.rule} {finding.name} at {place}: {finding.message}"
        if key in claimed and seen[key] > had[key] - claimed[key]:
            return f"the finding would stay: {where}"
        is_new = room[_rule_and_path(finding)] < 0 and finding.place.path in touched and finding.rule not in _TOLERATED
        if is_new and finding.severity.rank >= Severity.WARNING.rank:
            return f"the result would have a new finding: {where}"
    return None


def _rule_and_path(finding: Finding) -> tuple[str, str]:
    return finding.rule, finding.place.path


def _key(finding: Finding) -> tuple[str, str, str]:
    return finding.rule, finding.place.path, finding.symbol


def _project(paths: Sequence[Path]) -> Path:
    """The project that holds all paths."""
    return project_root(Path(os.path.commonpath([path if path.is_dir() else path.parent for path in paths])))


def _inside(change: Change, root: Path, project: Path) -> Change:
    """The change with its path relative to the project."""
    path = (root / change.path).relative_to(project).as_posix()
    return Change(path, change.before, change.after)
