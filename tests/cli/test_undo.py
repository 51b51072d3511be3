from __future__ import annotations

from pathlib import Path
from typing import Any

from per_audit.fixes.journal import write
from per_audit.fixes.transaction import Change


def test_undo(run: Any, project: Path) -> None:
    (project / "a.py").write_text("1\n")
    write(project, [Change("a.py", b"1\n", b"2\n"), Change("b.py", None, b"3\n")], "Sample by priority")
    code, out, err = run("undo")
    assert (code, err) == (0, "")
    assert out == "restored a.py\nremoved b.py\nTook back in 2 files: Sample by priority.\n"
    assert (project / "a.py").read_text() == "1\n"
    assert not (project / "b.py").exists()
    assert run("undo") == (0, f"Nothing to undo in {project}.\n", "")


def test_undo_elsewhere(run: Any, project: Path) -> None:
    (project / "sub").mkdir()
    write(project / "sub", [Change("b.py", None, b"3\n")], "")
    assert run("undo").out.startswith("Nothing to undo")
    assert run("undo", "sub").out == "removed b.py\nTook back in 1 file: the last fix.\n"


def test_undo_refuses(run: Any, project: Path) -> None:
    write(project, [Change("b.py", None, b"3\n")], "")
    (project / "b.py").write_text("mine")
    code, out, err = run("undo")
    assert (code, out) == (2, "")
    assert err.startswith("per-audit: error: b.py: was changed after the fix; nothing was undone.")
    assert run("undo", "missing").code == 2


def test_help_has_examples(run: Any, project: Path) -> None:
    assert "Examples:\n" in run("undo", "--help").out
