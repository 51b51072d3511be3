from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from per_audit.cli import _shared
from per_audit.report.json import schema

pytestmark = pytest.mark.usefixtures("engine")


def test_findings(run: Any, project: Path) -> None:
    (project / "a.py").write_text("uniform(1)\n")
    code, out, err = run("scan")
    assert (code, err) == (1, "")
    assert out.startswith("a.py:1:1: error PER001 uniform-only-sampling\n")
    assert out.endswith("1 fixable with `per-audit fix`.\n")


def test_nothing_found(run: Any, project: Path) -> None:
    (project / "a.py").write_text("x = 1\n")
    assert run("scan", ".") == (0, "No findings in 1 file, 1 replay pipeline.\n", "")


def test_json_is_alone_on_standard_output(run: Any, project: Path) -> None:
    (project / "a.py").write_text("uniform(1)\n")
    (project / "old.py").write_text("print 'x'\n")
    code, out, err = run("scan", "--format", "json", "--no-config", ".")
    assert (code, err) == (1, "")
    document = json.loads(out)
    jsonschema.validate(document, schema())
    assert document["root"] == project.as_posix()
    assert [finding["path"] for finding in document["findings"]] == ["a.py"]
    assert [notice["path"] for notice in document["notices"]] == ["old.py"]


def test_paths_are_relative_to_the_current_or_the_given_directory(run: Any, project: Path, tmp_path: Path) -> None:
    for root in (project, tmp_path / "other"):
        (root / "sub").mkdir(parents=True)
        (root / "sub" / "a.py").write_text("uniform(1)\n")
    assert run("scan", "sub").out.startswith("sub/a.py:1:1:")
    assert run("scan", str(tmp_path / "other")).out.startswith("sub/a.py:1:1:")
    assert run("scan", str(tmp_path / "other" / "sub" / "a.py")).out.startswith("a.py:1:1:")


@pytest.mark.parametrize(
    ("word", "fail_on", "code"),
    [
        ("uniform", "error", 1),
        ("broadcast", "error", 0),
        ("broadcast", "warning", 1),
        ("evict", "warning", 0),
        ("evict", "info", 1),
        ("uniform", "never", 0),
    ],
)
def test_fail_on(run: Any, project: Path, word: str, fail_on: str, code: int) -> None:
    (project / "a.py").write_text(f"{word}(1)\n")
    assert run("scan", "--fail-on", fail_on).code == code


def test_select_and_ignore(run: Any, project: Path) -> None:
    (project / "a.py").write_text("uniform(1)\nbroadcast(1)\n")
    assert "PER001" not in run("scan", "--select", "PER1,weights-broadcast").out
    assert "PER102" not in run("scan", "--ignore", "weights-broadcast").out
    code, out, err = run("scan", "--select", "PER777")
    assert (code, out) == (2, "")
    assert err.startswith("per-audit: error: --select: 'PER777' is no rule's code")


def test_configuration_and_options_over_it(run: Any, project: Path) -> None:
    (project / "a.py").write_text("uniform(1)\n")
    (project / "pyproject.toml").write_text("[tool.per-audit]\nignore = ['PER001']\nformat = 'json'\n")
    assert json.loads(run("scan").out)["findings"] == []
    assert run("scan", "--select", "PER001", "--format", "text").code == 1
    assert run("scan", "--no-config").code == 1


def test_quiet(run: Any, project: Path) -> None:
    (project / "old.py").write_text("print 'x'\n")
    assert run("scan", "--quiet") == (0, "", "")


def test_no_gates(run: Any, project: Path, engine: Any) -> None:
    (project / "a.py").write_text("nothing\n")
    run("scan", "--no-gates")
    assert engine.extracted == ["a.py"]


def test_output(run: Any, project: Path) -> None:
    (project / "a.py").write_text("uniform('\xe4')\n", encoding="utf-8")
    assert run("scan", "--output", "report.txt") == (1, "", "")
    assert "uniform('\xe4')" in (project / "report.txt").read_text("utf-8")
    code, out, err = run("scan", "--output", "missing/report.txt")
    assert (code, out) == (2, "")
    assert "missing/report.txt: cannot be written (No such file or directory)" in err


def test_what_the_terminal_cannot_show_is_escaped(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", stream)
    _shared.emit("\xe4\udcff\n")
    assert stream.buffer.getvalue() == b"\\xe4\\udcff\n"  # type: ignore[attr-defined]


def test_progress_only_on_a_terminal_and_only_for_long_runs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def bar(terminal: bool, after: float, quiet: bool = False) -> str:
        monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal)
        clock = iter([0.0, after, after])
        monkeypatch.setattr(_shared.time, "monotonic", lambda: next(clock))
        with _shared.Progress("auditing", quiet) as progress:
            progress(5, 10)
        return capsys.readouterr().err

    assert bar(True, 2.0).startswith("\rauditing [###############               ] 5/10")
    assert bar(True, 0.5) == ""
    assert bar(False, 2.0) == ""
    assert bar(True, 2.0, quiet=True) == ""


# Bad input: each with its message and its exit code.


def test_a_missing_path(run: Any, project: Path) -> None:
    code, out, err = run("scan", "nowhere")
    assert (code, out) == (2, "")
    assert "nowhere: no such file or directory; check the spelling" in err


def test_a_binary_file(run: Any, project: Path) -> None:
    (project / "a.py").write_bytes(b"\x00\x01\x02")
    code, out, _ = run("scan", "a.py")
    assert code == 0
    assert "notice: a.py:1: not audited: binary content (NUL bytes) (unparsable-file)\n" in out


def test_an_empty_project(run: Any, project: Path) -> None:
    code, out, _ = run("scan")
    assert code == 0
    assert out == (
        "notice: .:1: there is no Python file to audit here (no-python-files)\n"
        "No findings in 0 files, 0 replay pipelines.\n"
    )


def test_a_read_only_project(run: Any, project: Path) -> None:
    (project / "a.py").write_text("uniform(1)\n")
    (project / "a.py").chmod(0o444)
    project.chmod(0o555)
    try:
        assert run("scan").code == 1
        assert [path.name for path in project.iterdir()] == ["a.py"]
    finally:
        project.chmod(0o755)


def test_a_link_that_leads_out(run: Any, project: Path) -> None:
    (project.parent / "secret.py").write_text("uniform(1)\n")
    (project / "a.py").symlink_to("../secret.py")
    code, out, _ = run("scan")
    assert code == 0
    assert "notice: a.py:1: not followed: the symbolic link leads out of the scanned directory (link-outside)" in out


def test_invalid_configuration(run: Any, project: Path) -> None:
    (project / "pyproject.toml").write_text("[tool.per-audit]\nselct = []\n")
    code, out, err = run("scan")
    assert (code, out) == (2, "")
    assert f"{project / 'pyproject.toml'}: tool.per-audit.selct = []: unknown key; did you mean 'select'?" in err
    assert run("scan", "--no-config").code == 0


def test_an_unknown_rule_in_a_suppression(run: Any, project: Path) -> None:
    (project / "a.py").write_text("x = 1  # per-audit: ignore[PER777] because\n")
    code, out, _ = run("scan")
    assert code == 0
    assert "notice: a.py:1: unknown rule 'PER777' in a suppression; `per-audit rules` lists them" in out


def test_a_rule_that_fails(run: Any, project: Path, engine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "a.py").touch()
    monkeypatch.setattr(engine.rules[0], "check", lambda graph: 1 / 0)
    code, out, err = run("scan")
    assert code == 2
    assert out.startswith("notice: .:1: rule PER001 (uniform-only-sampling) on ")
    assert f"internal error: rule PER001 (uniform-only-sampling) on {project} failed: ZeroDivisionError" in err
    assert "run: per-audit --debug scan" in err


def test_an_unreadable_file(run: Any, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "a.py").touch()

    def deny(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", deny)
    code, out, _ = run("scan", "--no-config")
    assert code == 0
    assert "notice: a.py:1: not read: permission denied (unreadable-file)\n" in out


def _broken(engine: Any) -> None:
    class Broken(type(engine.rules[0])):  # type: ignore[misc]
        """Breaks."""

        code = "PER499"

        def check(self, graph: Any) -> Any:
            yield from ()
            raise KeyError("oops")

    engine.rules = (*engine.rules, Broken())


@pytest.mark.parametrize("cache", [["--no-cache"], []])
def test_what_other_rules_found_is_reported_where_one_fails(
    run: Any, project: Path, engine: Any, cache: list[str]
) -> None:
    (project / "a.py").write_text("uniform(1)\n")
    _broken(engine)
    for _ in range(2):
        code, out, err = run("scan", "--format", "json", *cache)
        assert code == 2
        assert err.startswith("per-audit: internal error: rule PER499 ")
        assert "KeyError: 'oops'" in err
        document = json.loads(out)
        jsonschema.validate(document, schema())
        assert [finding["rule"] for finding in document["findings"]] == ["PER001"]
        assert [notice["kind"] for notice in document["notices"]] == ["internal-error"]


def test_a_failure_has_its_traceback(run: Any, project: Path, engine: Any) -> None:
    (project / "a.py").touch()
    _broken(engine)
    err = run("--debug", "scan").err
    assert 'raise KeyError("oops")' in err


def test_files_on_which_reading_fails_leave_the_others(
    run: Any, project: Path, engine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from per_audit import facts

    extract = facts.extract
    monkeypatch.setattr(facts, "extract", lambda path, data: 1 / 0 if path == "bad.py" else extract(path, data))
    (project / "a.py").write_text("uniform(1)\n")
    (project / "bad.py").write_text("uniform(1)\n")
    code, out, err = run("scan", "--no-cache")
    assert code == 2
    assert "reading bad.py failed: ZeroDivisionError" in err
    assert out.startswith("a.py:1:1: error PER001")


def test_a_baseline_is_not_updated_where_a_rule_failed(run: Any, project: Path, engine: Any) -> None:
    (project / "a.py").write_text("uniform(1)\n")
    arguments = ("scan", "--baseline", "known.json", "--update-baseline")
    assert run(*arguments).code == 0
    before = (project / "known.json").read_text()
    (project / "a.py").write_text("x = 1\n")
    _broken(engine)
    code, out, _ = run(*arguments)
    assert (code, out) == (2, "")
    assert (project / "known.json").read_text() == before
