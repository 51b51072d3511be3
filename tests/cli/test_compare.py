from __future__ import annotations

import json
import subprocess
import sys

import jsonschema
import pytest

from per_audit.report.comparison_json import schema

TRAIN = """\
import random, sys
r = random.Random(int(sys.argv[1]))
for step in range(1, 6):
    print(f"step {step}: return {GAIN * step + r.random()}")
"""
PATTERN = ("--pattern", r"step (?P<step>\d+): return (?P<value>\S+)")
COMMAND = ("--", sys.executable, "-S", "-E", "train.py", "{seed}")


@pytest.fixture
def arms(project):
    """Folders without git: `good` is better than `bad`, `none` is silent."""
    for name, gain in (("good", "3.0"), ("bad", "1.0")):
        (project / name).mkdir()
        (project / name / "train.py").write_text(f"GAIN = {gain}\n{TRAIN}")
    (project / "none").mkdir()
    (project / "none" / "train.py").write_text("")
    return project


@pytest.mark.parametrize(
    ("before", "after", "more", "code", "said"),
    [
        ("bad", "good", (), 0, "PASS: after is better with this command"),
        ("good", "bad", (), 3, "REGRESSION: after is worse with this command"),
        ("good", "bad", ("--lower-is-better",), 0, "PASS: after is better"),
        ("bad", "good", ("--seeds", "3"), 0, "INCONCLUSIVE: no claim from 3 seeds"),
        ("bad", "good", ("--seeds", "3", "--strict"), 3, "INCONCLUSIVE"),
        (
            "none",
            "good",
            ("--seeds", "3", "--jobs", "1"),
            2,
            "ERROR: the metric of the first run cannot be read: no line",
        ),
    ],
)
def test_verdicts_and_exit_codes(arms, run, before, after, more, code, said):
    result = run("compare", "--before", before, "--after", after, "--quiet", *more, *PATTERN, *COMMAND)
    assert result.code == code, result
    assert said in result.out
    assert result.err == ""


def test_a_line_a_run_and_nothing_but_the_document(arms, run):
    words = ("compare", "--before", "bad", "--after", "good", "--seeds", "2", *PATTERN)
    result = run(*words, "--format", "json", *COMMAND)
    jsonschema.validate(json.loads(result.out), schema())
    assert len(result.err.splitlines()) == 4
    assert "[4/4] " in result.err
    html = run(*words, "--format", "html", "--output", "report.html", *COMMAND)
    assert (html.code, html.out) == (0, "")
    assert (arms / "report.html").read_text().startswith("<!doctype html>")
    assert "(kept)" in html.err
    assert run(*words, "--format", "markdown", "-q", *COMMAND).out.startswith("# per-audit compare: INCONCLUSIVE\n")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((*PATTERN, *COMMAND), "Missing option '--before'"),
        (("--before", "bad", *PATTERN), "Missing argument"),
        (("--before", "bad", *PATTERN, "--", "python", "train.py"), "write {seed} there"),
        (("--before", "bad", *COMMAND), "say where the metric is"),
        (("--before", "worse", *PATTERN, *COMMAND), "worse: is neither a folder nor a revision"),
        (("--before", "bad", "--seeds", "1", *PATTERN, *COMMAND), "--seeds"),
    ],
)
def test_bad_input_is_2(arms, run, arguments, said):
    result = run("compare", *arguments)
    assert (result.code, result.out) == (2, "")
    assert said in result.err
    assert "Traceback" not in result.err


def test_nothing_heavy_is_imported_for_help():
    code = "import sys; from per_audit.cli import main; main(['compare', '--help']); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.splitlines()[-1].split())
    assert not loaded & {"torch", "scipy", "libcst", "tensorboard"}
