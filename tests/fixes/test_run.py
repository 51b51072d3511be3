"""The rounds of `fix` with a small engine: the rule PER001 reports `uniform(`, a fake planner replaces it."""

from __future__ import annotations

import subprocess
import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from per_audit.audit import Audit
from per_audit.errors import UserError
from per_audit.findings import Applicability
from per_audit.fixes.journal import undo
from per_audit.fixes.plan import Edit, FixOptions, Plan
from per_audit.fixes.result import FixResult, Why
from per_audit.fixes.run import fix
from per_audit.settings import Settings

Planner = Callable[[Audit, FixOptions], list[Plan]]


def uses(audit: Any, word: str) -> Iterator[tuple[str, int, str]]:
    """Where a word stands: path, offset, finding's id."""
    for finding in audit.report.findings:
        module = next(module for graph in audit.graphs for module in graph.modules if module.path == finding.place.path)
        line = module.lines[finding.place.line - 1]
        if finding.message.endswith(word):
            before = sum(len(text) + 1 for text in module.lines[: finding.place.line - 1])
            yield finding.place.path, before + line.index(word), finding.id


def swap(new: str = "prioritized(", applicability: Applicability = Applicability.SAFE, **others: Any) -> Planner:
    """One plan a finding: `uniform(` becomes `new`."""

    def planner(audit: Any, options: FixOptions) -> list[Plan]:
        return [
            Plan(
                pipeline=f"{path}:{name}",
                title="Sample by priority",
                recipe="swap",
                applicability=applicability,
                reason="because",
                edits=[Edit(path, start, start + len("uniform("), new)],
                findings=(name,),
                **{key: value(path) for key, value in others.items()},
            )
            for path, start, name in uses(audit, "uniform(")
        ]

    return planner


@pytest.fixture
def planner(monkeypatch: pytest.MonkeyPatch, engine: Any) -> Callable[[Planner], None]:
    def install(function: Planner) -> None:
        module = types.ModuleType("per_audit.fixes.planner")
        module.plan_fixes = function  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "per_audit.fixes.planner", module)

    install(swap())
    return install


def run(root: Path, *paths: str, settings: dict[str, Any] | None = None, **options: Any) -> FixResult:
    return fix(root, [Path(path) for path in paths], Settings(root, **settings or {}), FixOptions(**options))


def files(root: Path, **contents: str) -> None:
    for name, text in contents.items():
        path = root / f"{name.replace('__', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, newline="")


def read(root: Path) -> dict[str, str]:
    return {
        path.relative_to(root).as_posix(): path.read_text()
        for path in sorted(root.rglob("*.py"))
        if "experience_replay_optimizer" not in path.parts
    }


pytestmark = pytest.mark.usefixtures("planner")


def test_fixes_everything_and_then_nothing(project, snapshot):
    files(project, a="x = uniform(1)\n", b="y = uniform(2)\nz = uniform(3)\n", c="c = 1\n")
    result = run(project)
    assert read(project) == {
        "a.py": "x = prioritized(1)\n",
        "b.py": "y = prioritized(2)\nz = prioritized(3)\n",
        "c.py": "c = 1\n",
    }
    assert (len(result.applied), result.refused, result.exit_code, result.written) == (3, [], 0, True)
    before = snapshot(project)
    again = run(project)
    assert (again.applied, again.changes, again.exit_code, again.written) == ([], [], 0, False)
    assert snapshot(project) == before


def test_diff_writes_nothing_and_says_the_same(project, snapshot, tmp_path):
    files(project, a="x = uniform(1)\r\n", sub__b="y = uniform(2)")
    before = snapshot(project)
    planner_imports = run(project, diff=True)
    assert snapshot(project) == before
    assert planner_imports.exit_code == 1
    copy = tmp_path / "copy"
    files(copy, a="x = uniform(1)\r\n", sub__b="y = uniform(2)")
    subprocess.run(["git", "apply", "--whitespace=nowarn"], input=planner_imports.diff, cwd=copy, check=True)
    assert run(project).diff == planner_imports.diff
    assert read(copy) == read(project)
    assert run(project, diff=True).exit_code == 0


def test_the_whole_diff_is_what_is_written(project, tmp_path, planner, snapshot):
    planner(swap(imports=lambda path: {path: {"PrioritizedSampler"}}))
    files(project, a="import os\n\nx = uniform(1)\n")
    diff = run(project, diff=True).diff
    copy = tmp_path / "copy"
    files(copy, a="import os\n\nx = uniform(1)\n")
    subprocess.run(["git", "apply"], input=diff, cwd=copy, check=True)
    run(project)
    written = {path: entry for path, entry in snapshot(project).items() if not path.startswith(".per-audit")}
    assert snapshot(copy) == written
    assert "experience_replay_optimizer/__init__.py" in written
    undo(project)
    assert read(project) == {"a.py": "import os\n\nx = uniform(1)\n"}
    assert not (project / "experience_replay_optimizer").exists()


def test_undo_restores(project, snapshot):
    files(project, a="x = uniform(1)\r\n")
    before = snapshot(project)
    run(project)
    undo(project)
    assert snapshot(project) == before


@pytest.mark.parametrize(
    ("applicability", "why"),
    [(Applicability.UNSAFE, Why.UNSAFE), (Applicability.MANUAL, Why.MANUAL), (Applicability.NONE, Why.NONE)],
)
def test_what_is_not_safe_is_left(project, planner, snapshot, applicability, why):
    planner(swap(applicability=applicability))
    files(project, a="x = uniform(1)\n")
    before = snapshot(project)
    result = run(project)
    assert [(refusal.why, refusal.reason) for refusal in result.refused] == [(why, "because")]
    assert (result.exit_code, result.applied) == (1, [])
    assert snapshot(project) == before
    assert bool(run(project, unsafe=True).applied) is (why is Why.UNSAFE)


def test_a_finding_that_stays_is_a_failure(project, planner):
    planner(swap("uniform( "))
    files(project, a="x = uniform(1)\n")
    result = run(project)
    assert [(refusal.why, refusal.reason) for refusal in result.refused] == [
        (Why.FAILED, "the finding would stay: PER001 uniform-only-sampling at a.py:1: the line says uniform(")
    ]
    assert result.exit_code == 1
    assert read(project) == {"a.py": "x = uniform(1)\n"}


def test_a_new_finding_is_a_failure_unless_it_is_mere_information(project, planner):
    planner(swap("broadcast("))
    files(project, a="x = uniform(1)\n")
    result = run(project, settings={"select": ("PER001",)})
    assert "new finding: PER102 weights-broadcast at a.py:1" in result.refused[0].reason
    planner(swap("evict("))
    assert run(project).exit_code == 0


def test_invalid_code_is_a_failure(project, planner):
    planner(swap("uniform(("))
    files(project, a="x = uniform(1)\n")
    assert "a.py: the result would not be valid Python: line 1" in run(project).refused[0].reason


def test_one_bad_plan_does_not_keep_the_others(project, planner):
    def mixed(audit: Any, options: FixOptions) -> list[Plan]:
        plans = swap()(audit, options)
        for plan in plans:
            if plan.edits[0].path == "b.py":
                plan.edits = [Edit("b.py", 0, 0, "broadcast(\n")]
        return plans

    planner(mixed)
    files(project, a="x = uniform(1)\n", b="x = uniform(1)\n", c="x = uniform(1)\n")
    result = run(project)
    assert read(project) == {"a.py": "x = prioritized(1)\n", "b.py": "x = uniform(1)\n", "c.py": "x = prioritized(1)\n"}
    assert [refusal.plan.edits[0].path for refusal in result.refused] == ["b.py"]
    assert result.exit_code == 1


def test_overlapping_plans_follow_in_the_next_round(project, planner):
    def overlapping(audit: Any, options: FixOptions) -> list[Plan]:
        lines = [
            Plan("line", "t", "r", Applicability.SAFE, edits=[Edit(path, 0, at + 10, "ok(")], findings=(name,))
            for path, at, name in uses(audit, "broadcast(")
        ]
        return swap()(audit, options) + lines

    planner(overlapping)
    files(project, a="uniform(0); broadcast(1)\n")
    result = run(project)
    assert [plan.recipe for plan in result.applied] == ["swap", "r"]
    assert result.refused == []
    assert read(project) == {"a.py": "ok(1)\n"}


def test_a_plan_that_overlaps_itself_is_a_failure(project, planner):
    def broken(audit: Any, options: FixOptions) -> list[Plan]:
        plans = swap()(audit, options)
        for plan in plans:
            plan.edits += [Edit(edit.path, edit.start + 1, edit.end, "") for edit in plan.edits]
        return plans

    planner(broken)
    files(project, a="x = uniform(1)\n")
    assert run(project).refused[0].why is Why.FAILED


def test_a_plan_for_another_file_is_a_failure(project, planner):
    def elsewhere(audit: Any, options: FixOptions) -> list[Plan]:
        plans = swap()(audit, options)
        for plan in plans:
            plan.edits += [Edit("../other.py", 0, 0, "")]
        return plans

    planner(elsewhere)
    files(project, a="x = uniform(1)\n")
    assert "../other.py: is not among the files" in run(project).refused[0].reason


def test_endless_fixes_end(project, planner):
    def restless(audit: Any, options: FixOptions) -> list[Plan]:
        return [
            Plan("p", "t", "r", Applicability.SAFE, edits=[Edit(path, 0, 0, "#\n")], findings=(name,))
            for path, _, name in uses(audit, "evict(")
        ]

    planner(restless)
    files(project, a="evict(\n)\n")
    result = run(project)
    assert [refusal.why for refusal in result.refused] == [Why.FAILED]


def test_only_chosen_rules_are_fixed(project):
    files(project, a="x = uniform(1)\nbroadcast(1)\n")
    assert run(project, settings={"select": ("PER102",)}).applied == []
    assert run(project, settings={"ignore": ("PER001",)}).applied == []
    result = run(project, settings={"select": ("PER001",)})
    assert (len(result.applied), result.exit_code, result.report.findings) == (1, 0, [])


def test_only_named_paths_are_fixed(project):
    files(project, a="x = uniform(1)\n", b="x = uniform(1)\n")
    run(project, "b.py")
    assert read(project) == {"a.py": "x = uniform(1)\n", "b.py": "x = prioritized(1)\n"}


def test_imports_and_copies(project, planner):
    planner(
        swap(
            imports=lambda path: {path: {"PrioritizedSampler", "LinearSchedule"}},
            unneeded=lambda path: {path: {"random", "math"}},
        )
    )
    source = "import math\nimport random\n\nimport numpy\n\nx = uniform(1)\n"
    files(project, main="from lib.replay import math\n", lib__replay=source)
    result = run(project)
    assert read(project)["lib/replay.py"] == (
        "import math\n\nimport numpy\nfrom experience_replay_optimizer import LinearSchedule, PrioritizedSampler\n\n"
        "x = prioritized(1)\n"
    )
    assert (project / "experience_replay_optimizer" / "__init__.py").exists()
    assert not (project / "lib" / "experience_replay_optimizer").exists()
    assert {change.path.split("/")[0] for change in result.copied} == {"experience_replay_optimizer"}
    assert run(project).copied == []


def test_a_declared_dependency_is_not_copied(project, planner):
    planner(swap(imports=lambda path: {path: {"LinearSchedule"}}))
    files(project, a="x = uniform(1)\n")
    (project / "requirements.txt").write_text("per-audit\n")
    result = run(project)
    assert [change.path for change in [*result.changes, *result.copied]] == ["a.py"]
    assert result.notes == ["The project's environment needs per-audit, as its dependencies say."]


def test_a_dependency_is_declared_on_demand(project, planner, snapshot):
    planner(swap(imports=lambda path: {path: {"LinearSchedule"}}))
    files(project, a="x = uniform(1)\n")
    before = snapshot(project)
    with pytest.raises(UserError, match="or use --vendor"):
        run(project, delivery="dependency")
    assert snapshot(project) == before
    (project / "requirements.txt").write_text("torch\n")
    result = run(project, delivery="dependency")
    assert [change.path for change in result.copied] == ["requirements.txt"]
    assert (project / "requirements.txt").read_text().startswith("torch\nper-audit>=")


def test_a_project_that_is_built_is_told(project, planner):
    planner(swap(imports=lambda path: {path: {"LinearSchedule"}}))
    (project / "pyproject.toml").write_text('[build-system]\nrequires = ["setuptools"]\n')
    files(project, src__pkg____init__="", src__pkg__a="x = uniform(1)\n")
    (project / "src" / "pkg" / "__init__.py").write_text("")
    result = run(project)
    assert "let the build include" in result.notes[0]
    assert (project / "src" / "experience_replay_optimizer").is_dir()


def test_paths_below_the_project(project, planner, monkeypatch):
    planner(swap(imports=lambda path: {path: {"LinearSchedule"}}))
    (project / "pyproject.toml").write_text("")
    files(project, pkg__a="x = uniform(1)\n", pkg____init__="")
    (project / "pkg" / "__init__.py").write_text("")
    result = fix(project / "pkg", [], Settings(project), FixOptions())
    assert result.root == project
    assert [change.path for change in result.changes] == ["pkg/a.py"]
    assert (project / "experience_replay_optimizer").is_dir()
    assert (project / ".per-audit" / "undo").is_dir()


def test_a_project_below_the_root(project):
    files(project, sub__a="x = uniform(1)\n")
    (project / "sub" / "setup.py").write_text("")
    result = run(project, "sub")
    assert [change.path for change in result.changes] == ["sub/a.py"]
    assert (project / "sub" / ".per-audit").is_dir()
    assert not (project / ".per-audit").exists()


def test_a_file_that_changes_in_between_is_refused(project, planner, snapshot):
    def meanwhile(audit: Any, options: FixOptions) -> list[Plan]:
        (project / "a.py").write_text("# mine\nx = uniform(1)\n")
        return swap()(audit, options)

    planner(meanwhile)
    files(project, a="x = uniform(1)\n")
    with pytest.raises(UserError, match=r"a\.py: was changed in the meantime"):
        run(project)
    assert read(project) == {"a.py": "# mine\nx = uniform(1)\n"}


def test_a_dirty_tree_is_refused(project):
    files(project, a="x = uniform(1)\n")
    subprocess.run(["git", "init", "-q"], cwd=project, check=True)
    with pytest.raises(UserError, match=r"not committed in git: a\.py"):
        run(project)
    assert run(project, diff=True).exit_code == 1
    assert run(project, allow_dirty=True).exit_code == 0


def test_a_run_that_was_cut_short_is_put_back_first(project, failing_replace, monkeypatch):
    files(project, a="x = uniform(1)\n", b="x = uniform(1)\n")
    failing_replace(5, OSError(5, "Input/output error"), forever=True)
    with pytest.raises(UserError):
        run(project)
    monkeypatch.undo()
    assert "x = prioritized" in "".join(read(project).values())


@pytest.mark.parametrize("step", range(1, 8))
def test_an_interrupt_leaves_nothing_half_written(project, failing_replace, snapshot, step):
    files(project, a="x = uniform(1)\n", b="x = uniform(1)\n")
    before = snapshot(project)
    calls = failing_replace(step, KeyboardInterrupt())
    try:
        run(project)
    except KeyboardInterrupt:
        assert snapshot(project) == before
    else:
        assert len(calls) < step
        assert read(project) == {"a.py": "x = prioritized(1)\n", "b.py": "x = prioritized(1)\n"}


def test_what_the_project_leaves_alone_in_some_files_is_not_fixed(project: Path, planner: Any) -> None:
    files(project, a="uniform(1)\n", tests__b="uniform(1)\n")
    result = run(project, settings={"per_file_ignores": (("tests/**", ("PER001",)),)})
    assert read(project) == {"a.py": "prioritized(1)\n", "tests/b.py": "uniform(1)\n"}
    assert result.report.findings == []
