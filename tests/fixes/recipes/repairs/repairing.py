"""The two checks that the tests of the repairs are made of; the programs are the rules' own examples."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from per_audit.fixes.result import Why
from per_audit.rule import all_rules

from ...rewriting import Files, run

if TYPE_CHECKING:
    from per_audit.fixes.result import FixResult

Change = tuple[str, str]


def example(code: str, title: str) -> Files:
    """The bad example of a rule with that title."""
    rule = next(rule for rule in all_rules() if rule.code == code)
    return next(each.plain for each in rule.bad if each.title == title)


def changed(files: Files, *changes: Change) -> Files:
    """The files with texts replaced, each of which stands in one place."""
    for old, new in changes:
        (path,) = [path for path, text in files.items() if old in text]
        assert files[path].count(old) == 1, old
        files = files | {path: files[path].replace(old, new)}
    return files


def check_repaired(code: str, files: Files, *changes: Change, unsafe: str = "") -> FixResult:
    """The changes, and no others, are made for the rule; its findings are gone, and nothing is left to do for it.

    With `unsafe`, the assumption that the plan must name; without, the plan must be safe.
    """
    result, found = run(files, codes=(code,), unsafe=bool(unsafe))
    assert [(refusal.why, refusal.reason) for refusal in result.refused] == []
    assert found == changed(files, *changes)
    assert {plan.mends for plan in result.applied} == {code}
    assert [finding.rule for finding in result.report.findings] == []
    assert all(edit.note for plan in result.applied for edit in plan.edits)
    assert {plan.applicability.value for plan in result.applied} == {"unsafe" if unsafe else "safe"}
    assert unsafe in result.applied[0].reason
    again, unchanged = run(found, codes=(code,), unsafe=True)
    assert (again.applied, again.refused, unchanged) == ([], [], found)
    if unsafe:
        refused, same = run(files, codes=(code,))
        assert ({refusal.why for refusal in refused.refused}, same) == ({Why.UNSAFE}, files)
    return result


def check_left(code: str, files: Files, reason: str, **options: Any) -> FixResult:
    """Nothing changes for the rule, and the reason says why."""
    result, found = run(files, codes=(code,), unsafe=True, **options)
    assert found == files
    assert {refusal.why for refusal in result.refused} == {Why.MANUAL}
    assert reason in result.refused[0].reason, result.refused[0].reason
    assert "per-audit scan" in result.refused[0].plan.steps[-1]
    return result
