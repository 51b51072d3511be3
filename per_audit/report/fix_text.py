"""What `per-audit fix` and `per-audit undo` did, for people."""

from __future__ import annotations

import io
from collections import Counter
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from rich.text import Text

from per_audit.findings import Applicability, Severity
from per_audit.fixes.diff import unified_diff
from per_audit.fixes.module import PACKAGE
from per_audit.fixes.result import Why
from per_audit.report import PLAIN, Look
from per_audit.report.frame import printable
from per_audit.report.styled import console_on

if TYPE_CHECKING:
    from collections.abc import Iterable

    from per_audit.fixes.journal import Undone
    from per_audit.fixes.plan import Plan
    from per_audit.fixes.result import FixResult, Refusal
    from per_audit.fixes.transaction import Change

_WHY = {
    Why.UNSAFE: "rests on an assumption, needs --unsafe-fixes",
    Why.MANUAL: "needs a person",
    Why.NONE: "cannot be fixed automatically",
    Why.FAILED: "did not pass the checks",
    Why.DECLINED: "left by your answer",
}
_DIFF_STYLES = {"+++": "bold", "---": "bold", "@@": "cyan", "+": "green", "-": "red"}


def render(result: FixResult, look: Look = PLAIN) -> str:
    """What was changed and why, what was left and why, and what to do next."""
    parts = [_applied(plan, result.options.diff) for plan in result.applied]
    parts += [_refused(refusal) for refusal in result.refused]
    if result.copied:
        parts.append(_copied(result))
    parts += [Text.assemble(("note: ", "cyan"), f"{printable(note)}\n") for note in result.notes]
    parts.append(_summary(result))
    return _printed(parts, look)


def render_diff(result: FixResult, look: Look = PLAIN) -> str:
    """The diff of the user's files, coloured; of the copied ones only the names, or they would bury it."""
    text = _diff(result.changes)
    for change in result.copied:
        count = len((change.after or b"").splitlines())
        text.append(f"{'new file' if change.before is None else 'changed'} {change.path}: {count} lines\n", "dim")
    return _printed([text], look) if result.changes or result.copied else ""


def render_question(plan: Plan, changes: list[Change], look: Look = PLAIN) -> str:
    """What a person is asked about: a fix, what it rests on, and its diff."""
    return _printed([_applied(plan, only_diff=True), _diff(changes)], look)


def _diff(changes: list[Change]) -> Text:
    text = Text()
    for line in unified_diff(changes).decode(errors="replace").removesuffix("\n").split("\n"):
        style = next((style for start, style in _DIFF_STYLES.items() if line.startswith(start)), "")
        text.append(f"{printable(line)}\n", style)
    return text


def render_undone(undone: Undone | None, project: Path, look: Look = PLAIN) -> str:
    """What `undo` took back."""
    if undone is None:
        return f"Nothing to undo in {project}.\n"
    text = Text()
    for verb, paths in (("restored", undone.restored), ("removed", undone.removed)):
        for path in paths:
            text.append(f"{verb} ", "cyan").append(f"{printable(path)}\n")
    count = _count(len(undone.restored) + len(undone.removed), "file")
    text.append(f"Took back in {count}: {printable(undone.title) or 'the last fix'}.\n", "bold")
    return _printed([text], look)


def _applied(plan: Plan, only_diff: bool) -> Text:
    text = Text.assemble(("would fix " if only_diff else "fixed ", "bold green"), _heading(plan))
    notes = dict.fromkeys((edit.path, edit.note) for edit in plan.edits if edit.note)
    width = max((len(path) for path, _ in notes), default=0)
    for path, note in notes:
        text.append(f"  {printable(path):{width}}  ", "cyan").append(f"{printable(note)}\n")
    if plan.applicability is Applicability.UNSAFE and plan.reason:
        text.append("  assumes: ", "yellow").append(f"{printable(plan.reason)}\n")
    for step in plan.steps:
        text.append("  check: ", "yellow").append(f"{printable(step)}\n")
    return text


def _refused(refusal: Refusal) -> Text:
    plan = refusal.plan
    text = Text.assemble(("left ", "bold yellow"), _heading(plan))
    text.append(f"  {_WHY[refusal.why]}: ", "yellow").append(f"{printable(refusal.reason)}\n")
    for number, step in enumerate(plan.steps, 1):
        text.append(f"  {number}. {printable(step)}\n")
    return text


def _heading(plan: Plan) -> Text:
    files = ", ".join(sorted(plan.paths)) or plan.pipeline
    return Text(f"{printable(files)}: {printable(plan.title)} ({plan.recipe})\n", "bold")


def _copied(result: FixResult) -> Text:
    verb = "would copy" if result.options.diff else "copied"
    places: Counter[str] = Counter()
    text = Text()
    for change in result.copied:
        parts = PurePosixPath(change.path).parts
        if PACKAGE in parts:
            places["/".join(parts[: parts.index(PACKAGE) + 1])] += 1
        else:
            text.append("declared ", "cyan").append(f"per-audit in {printable(change.path)}\n")
    for place, count in places.items():
        text.append(f"{verb} ", "cyan").append(f"{printable(place)} ({_count(count, 'file')}): the reference buffers\n")
    return text


def _summary(result: FixResult) -> Text:
    text = Text()
    mended = sum(1 for plan in result.applied if plan.mends)
    kinds = (len(result.applied) - mended, "replay pipeline"), (mended, "defect")
    fixed = " and ".join(_count(number, noun) for number, noun in kinds if number)
    plans = f"{fixed} in {_count(len(result.changes), 'file')}"
    if result.applied:
        text.append(f"{'Would fix' if result.options.diff else 'Fixed'} {plans}", "bold green")
    elif result.refused:
        text.append("Fixed nothing", "bold yellow")
    elif result.report.findings:
        text.append("Nothing that can be fixed automatically", "bold yellow")
    else:
        text.append("Nothing to fix", "bold green")
    text.append(f"; left {len(result.refused)}.\n" if result.refused else ".\n", "bold")
    counts = Counter(finding.severity for finding in result.report.findings)
    if counts:
        text.append(f"Remaining: {', '.join(_count(counts[kind], kind.value) for kind in Severity if counts[kind])}.\n")
    if result.written:
        where = "" if result.project == Path.cwd() else f" {result.project}"
        text.append(f"Next: `per-audit verify{where}`. To take the fix back: `per-audit undo{where}`.\n")
    return text


def _printed(parts: Iterable[Text], look: Look) -> str:
    out = io.StringIO()
    console = console_on(out, look.colour)
    for part in parts:
        console.print(part, soft_wrap=True, overflow="ignore", crop=False, end="")
    return out.getvalue()


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 or noun == "info" else f"{number} {noun}s"
