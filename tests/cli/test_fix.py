from __future__ import annotations

import json
import signal
import subprocess
import sys
import textwrap
import types
from pathlib import Path
from typing import Any

import pytest

from per_audit.cli import _shared
from per_audit.findings import Applicability
from per_audit.fixes.plan import Edit, Plan


def plan_fixes(audit: Any, options: Any) -> list[Plan]:
    """One plan for each `uniform(`, by the name of its file: safe, unsafe or manual."""
    plans = []
    for finding in audit.report.findings:
        path = finding.place.path
        if finding.rule == "PER001":
            start = next(m for g in audit.graphs for m in g.modules if m.path == path).lines[0].index("uniform(")
            plans.append(
                Plan(
                    pipeline=path,
                    title="Sample by priority",
                    recipe="swap",
                    applicability=Applicability(Path(path).stem.partition("_")[0]),
                    reason="the run has 1,000 steps",
                    edits=[Edit(path, start, start + 8, f"{options.buffer}(", "drawn by priority")],
                    findings=(finding.id,),
                    steps=("look at it",),
                    imports={path: {"LinearSchedule"}} if "import" in path else {},
                )
            )
    return plans


@pytest.fixture(autouse=True)
def planner(engine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("per_audit.fixes.planner")
    module.plan_fixes = plan_fixes  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "per_audit.fixes.planner", module)


def test_fix_says_what_it_did(run: Any, project: Path) -> None:
    (project / "safe.py").write_text("x = uniform(1)\n")
    (project / "unsafe.py").write_text("x = uniform(1)\n")
    (project / "manual.py").write_text("x = uniform(1)\n")
    code, out, err = run("fix")
    assert (code, err) == (1, "")
    assert out == textwrap.dedent("""\
        fixed safe.py: Sample by priority (swap)
          safe.py  drawn by priority
          check: look at it
        left manual.py: Sample by priority (swap)
          needs a person: the run has 1,000 steps
          1. look at it
        left unsafe.py: Sample by priority (swap)
          rests on an assumption, needs --unsafe-fixes: the run has 1,000 steps
          1. look at it
        Fixed 1 replay pipeline in 1 file; left 2.
        Remaining: 2 errors.
        Next: `per-audit verify`. To take the fix back: `per-audit undo`.
        """)
    assert (project / "safe.py").read_text() == "x = per(1)\n"
    out = run("fix", "--unsafe-fixes", "--buffer", "combined").out
    assert "  assumes: the run has 1,000 steps\n" in out
    assert (project / "unsafe.py").read_text() == "x = combined(1)\n"


def test_nothing_to_fix(run: Any, project: Path) -> None:
    (project / "safe.py").write_text("x = 1\n")
    assert run("fix") == (0, "Nothing to fix.\n", "")
    assert run("fix", "--diff") == (0, "", "Nothing to fix.\n")


def test_diff_is_alone_on_standard_output(run: Any, project: Path) -> None:
    (project / "safe.py").write_bytes("x = uniform(1)  # \u2192".encode())
    code, out, err = run("fix", "--diff")
    assert code == 1
    assert out == (
        "--- a/safe.py\n+++ b/safe.py\n@@ -1 +1 @@\n"
        "-x = uniform(1)  # \u2192\n\\ No newline at end of file\n+x = per(1)  # \u2192\n\\ No newline at end of file\n"
    )
    assert err.startswith("would fix safe.py: Sample by priority (swap)\n")
    assert (project / "safe.py").read_bytes() == "x = uniform(1)  # \u2192".encode()


def test_diff_on_a_terminal_only_names_copied_files(run: Any, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "safe_import.py").write_text("x = uniform(1)\n")
    assert "experience_replay_optimizer/schedules.py" in run("fix", "--diff").out
    monkeypatch.setattr("per_audit.cli.fix.wants_colour", lambda: True)
    out = run("fix", "--diff").out
    assert "\x1b[32m+x = per(1)" in out
    assert "class LinearSchedule" not in out
    assert "new file experience_replay_optimizer/schedules.py: " in out


def test_copies_are_named(run: Any, project: Path) -> None:
    (project / "safe_import.py").write_text("x = uniform(1)\n")
    assert "\ncopied experience_replay_optimizer (4 files): the reference buffers\n" in run("fix").out


def test_a_dependency_is_declared(run: Any, project: Path) -> None:
    (project / "safe_import.py").write_text("x = uniform(1)\n")
    (project / "requirements.txt").write_text("torch\n")
    assert "declared per-audit in requirements.txt\n" in run("fix", "--dependency").out
    assert not (project / "experience_replay_optimizer").exists()
    (project / "safe_import.py").write_text("x = uniform(1)\n")
    run("fix", "--vendor")
    assert (project / "experience_replay_optimizer").exists()


def test_json(run: Any, project: Path) -> None:
    (project / "safe.py").write_text("x = uniform(1)\n")
    (project / "unsafe.py").write_text("x = uniform(1)\n")
    code, out, err = run("fix", "--format", "json")
    assert (code, err) == (1, "")
    document = json.loads(out)
    assert document["written"] is True
    assert document["summary"] == {"applied": 1, "refused": 1, "files": 1, "copied": 0, "remaining": 1}
    assert document["changes"] == [{"path": "safe.py", "kind": "edit"}]
    assert [plan["recipe"] for plan in document["applied"]] == ["swap"]
    assert [(plan["why"], plan["reason"]) for plan in document["refused"]] == [("unsafe", "the run has 1,000 steps")]
    assert [finding["path"] for finding in document["findings"]] == ["unsafe.py"]
    assert document["diff"].startswith("--- a/safe.py\n")


def test_the_rules_that_are_meant(run: Any, project: Path) -> None:
    (project / "safe.py").write_text("x = uniform(1)\n")
    assert run("fix", "--select", "PER1") == (0, "Nothing to fix.\n", "")
    assert run("fix", "--ignore", "uniform-only-sampling").code == 0
    assert run("fix", "--select", "nonsense").code == 2
    (project / "pyproject.toml").write_text('[tool.per-audit]\nignore = ["PER001"]\n')
    assert run("fix").out == "Nothing to fix.\n"
    assert run("fix", "--no-config").out.startswith("fixed safe.py")


def test_refusals_are_errors_of_the_user(run: Any, project: Path) -> None:
    (project / "safe.py").write_text("x = uniform(1)\n")
    (project / "safe.py").chmod(0o444)
    code, out, err = run("fix")
    assert (code, out) == (2, "")
    assert err.startswith("per-audit: error: safe.py is read-only; nothing was changed.")
    assert run("fix", "missing.py").code == 2


def test_a_project_elsewhere_is_named(run: Any, project: Path) -> None:
    (project / "sub").mkdir()
    (project / "sub" / "safe.py").write_text("x = uniform(1)\n")
    out = run("fix", "sub").out
    assert f"To take the fix back: `per-audit undo {project / 'sub'}`.\n" in out


def test_help_has_examples(run: Any, project: Path) -> None:
    out = run("fix", "--help").out
    assert "Examples:\n" in out
    assert "per-audit fix --diff" in out


SCRIPT = """
import os, sys
from per_audit import audit as engine
from per_audit.cli import main
from per_audit.findings import Applicability, Finding, Place, Report, Severity
from per_audit.fixes import run
from per_audit.fixes.plan import Edit, Plan
import types

def audit(root, paths, settings, progress=None, overlay=None, **reading):
    findings = [
        Finding("PER001", "n", Severity.ERROR, "high", "m", Place(path, 1, 1, 1, 1), path, id=path)
        for path, data in overlay.items() if b"uniform" in data
    ]
    return engine.Audit(Report(str(root), findings), None)

def plan_fixes(audit, options):
    return [
        Plan(f.id, "t", "r", Applicability.SAFE, edits=[Edit(f.id, 4, 11, "priority")], findings=(f.id,))
        for f in audit.report.findings
    ]

run.audit = audit
run.choose = lambda select, ignore: [types.SimpleNamespace(code="PER001")]
sys.modules["per_audit.fixes.planner"] = types.ModuleType("planner")
sys.modules["per_audit.fixes.planner"].plan_fixes = plan_fixes
real, calls = os.replace, []
def replace(source, target):
    calls.append(1)
    if len(calls) == int(sys.argv[1]):
        os.kill(os.getpid(), int(sys.argv[2]))
    real(source, target)
os.replace = replace
sys.exit(main(["fix", "--no-config"]))
"""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("step", [1, 3, 4, 5, 6, 99])
def test_an_interrupted_run_leaves_nothing_half_written(project: Path, step: int, number: int, code: int) -> None:
    for name in ("a.py", "b.py"):
        (project / name).write_text("x = uniform(1)\n")
    command = [sys.executable, "-c", SCRIPT, str(step), str(int(number))]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
    is_cut_short = step < 99
    assert done.returncode == (code if is_cut_short else 0), done.stderr
    text = "x = uniform(1)\n" if is_cut_short else "x = priority(1)\n"
    assert [(project / name).read_text() for name in ("a.py", "b.py")] == [text, text]
    assert (project / ".per-audit").exists() is not is_cut_short
    assert len(list(project.glob("*.py*"))) == 2


def test_progress_is_quiet_for_machines(run: Any, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setattr(_shared, "_LONG", 0.0)
    (project / "safe.py").write_text("x = uniform(1)\n")
    assert "fixing [" in run("fix", "--diff").err
    assert run("fix", "--diff", "--format", "json").err == ""
