"""`per-audit scan` in a team: the baseline, changes, settings and statistics."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from per_audit.report.json import schema

pytestmark = pytest.mark.usefixtures("engine")


def test_a_baseline_by_option(run: Any, project: Path) -> None:
    (project / "a.py").write_text("uniform(1)\n")
    code, out, err = run("scan", "--baseline", "known.json", "--update-baseline")
    assert (code, out) == (0, "No findings in 1 file, 1 replay pipeline, 1 in the baseline.\n")
    assert err == f"per-audit: {project / 'known.json'}: 1 known, 1 of them new, 0 gone\n"
    assert run("scan", "--baseline", "known.json").code == 0
    assert run("scan").code == 1
    (project / "a.py").write_text("x = 1\n")
    assert run("scan", "--baseline", "known.json").code == 0
    code, out, _ = run("scan", "--baseline", "known.json", "--fail-on-stale")
    assert code == 1
    assert "notice: known.json:1: 1 finding of the baseline is gone (PER001 in a.py, uniform); run --update" in out
    code, out, err = run("scan", "--quiet", "--baseline", "known.json", "--fail-on-stale")
    assert (code, out) == (1, "")
    assert err.startswith("per-audit: 1 finding of the baseline is gone")
    assert run("scan", "--baseline", "known.json", "--prune-baseline").code == 0
    assert json.loads((project / "known.json").read_text())["findings"] == []


def test_a_baseline_in_the_configuration_lies_beside_it(
    run: Any, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "pyproject.toml").write_text("[tool.per-audit]\nbaseline = 'known.json'\n")
    (project / "sub").mkdir()
    (project / "sub" / "a.py").write_text("uniform(1)\n")
    assert "known.json: there is no such baseline" in run("scan").err
    assert run("scan", "--update-baseline").code == 0
    monkeypatch.chdir(project / "sub")
    assert run("scan").out == "No findings in 1 file, 1 replay pipeline, 1 in the baseline.\n"
    assert run("scan", "--no-config").code == 1


def test_with_json_only_the_document_is_on_standard_output(run: Any, project: Path) -> None:
    (project / "a.py").write_text("uniform(1)\n")
    out = run("scan", "--baseline", "known.json", "--update-baseline", "--format", "json").out
    document = json.loads(out)
    jsonschema.validate(document, schema())
    assert (document["summary"]["known"], document["summary"]["findings"]) == (1, 0)
    assert run("scan", "-q", "--baseline", "known.json", "--update-baseline") == (0, "", "")


def test_since(run: Any, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(project.parent))
    (project / "a.py").write_text("uniform(1)\n")
    code, out, err = run("scan", "--since", "HEAD")
    assert (code, out) == (2, "")
    assert "--since needs a git work tree" in err
    subprocess.run(["git", "init", "-q"], check=True)
    identity = ["-c", "user.name=x", "-c", "user.email=x"]
    subprocess.run(["git", *identity, "commit", "-q", "-m", "x", "--allow-empty"], check=True)
    assert run("scan", "--since", "HEAD").code == 1
    (project / ".gitignore").write_text("a.py\n")
    assert run("scan", "a.py", "--since", "HEAD") == (
        0,
        "No findings in 1 file, 1 replay pipeline, 1 not touched by the changes.\n",
        "",
    )


def test_statistics(run: Any, project: Path) -> None:
    (project / "a.py").write_text("uniform(1)\nuniform(1)\nevict(1)\n")
    code, out, _ = run("scan", "--statistics")
    assert code == 1
    assert out.splitlines()[0] == "2  error  PER001  uniform-only-sampling      in 1 file"
    code, out, _ = run("scan", "--statistics", "--format", "json", "--fail-on", "never")
    assert code == 0
    assert [row["count"] for row in json.loads(out)["statistics"]] == [2, 1]


def test_show_settings_with_their_origins(run: Any, project: Path, engine: Any) -> None:
    (project / "a.py").write_text("uniform(1)\n")
    path = project / "pyproject.toml"
    path.write_text("[tool.per-audit]\nignore = ['PER002']\n[tool.per-audit.severity]\nPER001 = 'info'\n")
    code, out, _ = run("scan", "--show-settings", "--fail-on", "info")
    assert code == 0
    assert f"# configuration: {path}\n# rules: PER001, PER102, PER900," in out
    assert f'ignore = ["PER002"]  # {path}\n' in out
    assert 'fail-on = "info"  # --fail-on\n' in out
    assert engine.extracted == []
    document = json.loads(run("scan", "--show-settings", "--format", "json", "--no-config").out)
    assert document["config"] is None


def test_show_files(run: Any, project: Path, engine: Any) -> None:
    for name in ("b.py", "a.py", "notes.txt", "build/c.py"):
        (project / name).parent.mkdir(exist_ok=True)
        (project / name).write_text("uniform(1)\n")
    assert run("scan", "--show-files") == (0, "a.py\nb.py\n", "")
    assert json.loads(run("scan", "b.py", "--show-files", "--format", "json").out)["files"] == ["b.py"]
    assert engine.extracted == []


def test_per_file_ignores_and_severity(run: Any, project: Path) -> None:
    (project / "pyproject.toml").write_text(
        "[tool.per-audit.per-file-ignores]\n'old/**' = ['PER0']\n[tool.per-audit.severity]\nPER102 = 'info'\n"
    )
    (project / "old").mkdir()
    (project / "old" / "a.py").write_text("uniform(1)\nbroadcast(1)\n")
    code, out, _ = run("scan")
    assert code == 0
    assert out.startswith("old/a.py:2:1: info PER102")


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> Any:
    def install(data: bytes) -> None:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))

    return install


def test_standard_input_replaces_a_file_of_the_project(run: Any, project: Path, typed: Any) -> None:
    (project / "pyproject.toml").touch()
    (project / "sub").mkdir()
    (project / "sub" / "a.py").write_text("x = 1\n")
    (project / "b.py").write_text("uniform(1)\n")
    typed(b"\nuniform(2)\n")
    code, out, _ = run("scan", "-", "--stdin-filename", "sub/a.py")
    assert code == 1
    assert "sub/a.py:2:1: error PER001" in out
    assert "> 2 | uniform(2)" in out
    assert "b.py" not in out
    assert "in 2 files, 2 replay pipelines" in out
    assert (project / "sub" / "a.py").read_text() == "x = 1\n"
    typed(b"x = 1\n")
    assert run("scan", "--stdin-filename", "b.py", "-").code == 0


def test_standard_input_may_be_a_file_that_does_not_exist_yet(run: Any, project: Path, typed: Any) -> None:
    (project / "pyproject.toml").touch()
    (project / "b.py").write_text("uniform(1)\n")
    typed(b"broadcast(1)\n")
    document = json.loads(run("scan", "-", "--stdin-filename", "new/a.py", "--format", "json").out)
    assert [(finding["path"], finding["rule"]) for finding in document["findings"]] == [("new/a.py", "PER102")]
    assert document["summary"]["files"] == 2


def test_standard_input_belongs_to_its_project_wherever_the_editor_runs(
    run: Any, project: Path, typed: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (project / "pyproject.toml").touch()
    (project / "b.py").write_text("uniform(1)\n")
    monkeypatch.chdir(tmp_path)
    typed(b"uniform(1)\n")
    document = json.loads(run("scan", "-", "--stdin-filename", "project/a.py", "--format", "json").out)
    assert [finding["path"] for finding in document["findings"]] == ["project/a.py"]
    assert document["summary"]["pipelines"] == 2
    (project / "a.py").touch()
    typed(b"uniform(1)\n")
    document = json.loads(run("scan", "project/a.py", "-", "--stdin-filename", "project/a.py", "--format", "json").out)
    assert document["summary"]["pipelines"] == 1


def test_what_is_known_of_a_file_stays_known_while_it_is_edited(run: Any, project: Path, typed: Any) -> None:
    (project / "a.py").write_text("x = uniform(1)\n")
    assert run("scan", "--baseline", "known.json", "--update-baseline").code == 0
    typed(b"import y\n\nx = uniform(1)\n")
    arguments = ("scan", "-", "--stdin-filename", "a.py", "--baseline", "known.json")
    assert run(*arguments).code == 0
    typed(b"x = uniform(1)\n")
    code, _, err = run(*arguments, "--update-baseline")
    assert code == 2
    assert "--stdin-filename: a baseline holds the findings of a whole project" in err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["-"], "`-` is standard input; say which file that is: --stdin-filename src/agent.py"),
        (["--stdin-filename", "a.py"], "--stdin-filename goes with the path `-`"),
        (["--watch", "--update-baseline"], "--update-baseline and --watch do not go together"),
        (["--update-baseline", "--prune-baseline"], "--update-baseline and --prune-baseline do not go together"),
        (["--show-files", "--statistics"], "--statistics and --show-files do not go together"),
        (["--watch", "--show-settings"], "--show-settings and --watch do not go together"),
        (["-", "--stdin-filename", "a.py", "--watch"], "--stdin-filename and --watch do not go together"),
    ],
)
def test_options_that_make_no_sense_together(run: Any, project: Path, arguments: list[str], said: str) -> None:
    code, out, err = run("scan", *arguments)
    assert (code, out) == (2, "")
    assert said in " ".join(err.split())


def test_watch_ends_with_the_interrupt(run: Any, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "a.py").write_text("uniform(1)\n")
    steps = iter(["xx\nuniform(1)\n"])

    def pause() -> None:
        text = next(steps, None)
        if text is None:
            raise KeyboardInterrupt
        (project / "a.py").write_text(text)

    monkeypatch.setattr("per_audit.cli.scan.pauses", lambda root: pause)
    code, out, err = run("scan", "--watch")
    assert (code, err.strip()) == (130, "per-audit: interrupted")
    assert [line for line in out.splitlines() if "PER001" in line] == [
        "a.py:1:1: error PER001 uniform-only-sampling",
        "a.py:2:1: error PER001 uniform-only-sampling",
    ]
