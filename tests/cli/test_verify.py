from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from per_audit.cli import main
from per_audit.cli.verify import command

ZOO = Path(__file__).parents[1] / "verify" / "zoo.py"
MUTANTS = ZOO.with_name("mutants.py")


@pytest.fixture
def outside(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments):
    return CliRunner().invoke(command, [str(argument) for argument in arguments])


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ([f"{ZOO}:Correct", "--check", "seed"], 0),
        ([f"{ZOO}:Correct", "--check", "rare-events"], 0),
        ([f"{ZOO}:Correct", "--check", "rare-events", "--strict"], 3),
        ([f"{MUTANTS}:Unseeded", "--check", "seed"], 3),
        ([f"{ZOO}:NoSuchClass", "--check", "seed"], 2),
    ],
)
def test_exit_codes(outside, arguments, code):
    result = run(*arguments)
    assert result.exit_code == code, result.output
    assert "Traceback" not in result.output
    assert not (outside / ".per-audit").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere.py:Buffer"], "nowhere.py is no file"),
        ([f"{ZOO}:Correct", "--check", "nonsense"], "there is no such check"),
        ([f"{ZOO}:Correct", "--efficiency", "all"], "all"),
        ([f"{ZOO}:Correct", "--adapter", "none.py"], "none.py"),
    ],
)
def test_bad_input_is_2(outside, capsys, arguments, words):
    assert main(["verify", *arguments]) == 2
    assert words in capsys.readouterr().err


def test_json_is_all_there_is_on_standard_output(outside):
    result = run(f"{ZOO}:Correct", "--check", "seed", "--format", "json", "--record")
    document = json.loads(result.stdout)
    assert document["targets"][0]["checks"][0]["check"] == "seed"
    assert "recorded in" in result.stderr
    assert "recorded" not in run(f"{ZOO}:Correct", "--check", "seed", "--record", "-q").stderr


@pytest.mark.parametrize(
    ("form", "start"), [("junit", "<testsuites"), ("markdown", "# per"), ("html", "<!doctype html>")]
)
def test_other_documents(outside, form, start):
    result = run(f"{ZOO}:Correct", "--check", "frequencies", "--check", "weights", "--format", form)
    assert result.stdout.startswith(start)
    assert result.exit_code == 0
    assert result.stdout.count("<svg") == (2 if form == "html" else 0)


def test_output_goes_to_a_file(outside):
    result = run(f"{ZOO}:Correct", "--check", "seed", "--format", "json", "--output", "out.json")
    assert result.stdout == ""
    assert json.loads((outside / "out.json").read_text())["verdict"] == "PASS"


def test_the_mapping_is_printed(outside):
    result = run(f"{ZOO}:Correct", "--check", "seed")
    assert "add(), by name" in result.stdout
    assert "weights at [1]" in result.stdout


def test_a_full_run_in_a_project_is_recorded(outside):
    (outside / "pyproject.toml").write_text("")
    (outside / "sub").mkdir()
    os.chdir(outside / "sub")
    result = run(f"{ZOO}:Correct", "--efficiency", "off")
    assert result.exit_code == 0, result.output
    record = json.loads((outside / ".per-audit" / "record.json").read_text())
    assert record["entries"][0]["verdict"] == "PASS"
    run(f"{MUTANTS}:Unseeded", "--check", "seed")
    assert len(json.loads((outside / ".per-audit" / "record.json").read_text())["entries"]) == 1


def test_the_record_is_checked_without_running_anything(outside, capsys):
    (outside / "pyproject.toml").write_text("")
    assert main(["verify", "--check-record"]) == 2
    assert "there is no verification record" in capsys.readouterr().err
    (outside / "zoo.py").write_text(ZOO.read_text())
    assert run("zoo.py:Correct", "--efficiency", "off").exit_code == 0
    result = run("--check-record")
    assert (result.exit_code, result.stdout) == (0, "zoo.py:Correct: verified, and unchanged since\n")
    (outside / "zoo.py").write_text("raise SystemExit\n")
    result = run("--check-record")
    assert (result.exit_code, result.stdout) == (3, "zoo.py:Correct: changed since: zoo.py\n")
    assert main(["verify", "--check-record", "zoo.py:Correct"]) == 2


def test_list_checks():
    result = run("--list-checks")
    assert result.exit_code == 0
    assert "reach: Every stored transition" in result.stdout
    assert "efficiency: " in result.stdout


def test_help_shows_examples():
    result = run("--help")
    assert "per-audit verify agents/replay.py:PrioritizedBuffer" in result.stdout
    assert "3 FAIL" in result.stdout


@pytest.mark.skipif(sys.platform == "win32", reason="a current directory cannot be deleted")
def test_a_deleted_current_directory(tmp_path):
    gone = tmp_path / "gone"
    gone.mkdir()
    script = f"import os; os.rmdir({str(gone)!r})\nfrom per_audit.cli import main\nraise SystemExit(main(['verify']))"
    paths = os.pathsep.join(entry for entry in map(os.path.abspath, sys.path) if entry)
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=gone,
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert "does not exist any more" in done.stderr
    assert "Traceback" not in done.stderr
