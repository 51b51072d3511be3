from __future__ import annotations

import json
from typing import Any

import pytest

pytestmark = pytest.mark.usefixtures("engine", "project")


def test_the_list_as_text(run: Any) -> None:
    code, out, _ = run("rules")
    assert code == 0
    assert out.splitlines()[:2] == [
        "PER001  uniform-only-sampling       error    A pipeline draws uniformly.",
        "PER002  rare-events-not-preserved   info     Rare events are lost.",
    ]
    assert [line[:6] for line in out.splitlines()[2:]] == ["PER102", "PER900", "PER910", "PER911"]


def test_the_list_as_markdown(run: Any) -> None:
    assert (
        "| PER102 | `weights-broadcast` | warning | Weights broadcast \\| badly. |\n"
        in run("rules", "--format", "markdown").out
    )


def test_the_list_as_json(run: Any) -> None:
    first = json.loads(run("rules", "--format", "json").out)[0]
    assert first == {
        "code": "PER001",
        "name": "uniform-only-sampling",
        "severity": "error",
        "group": "absolute",
        "pedantic": False,
        "summary": "A pipeline draws uniformly.",
        "docs": "docs/rules/PER001.md",
    }


@pytest.mark.parametrize("name", ["PER001", "per001", "uniform-only-sampling"])
def test_explain(run: Any, name: str) -> None:
    code, out, _ = run("explain", name)
    assert code == 0
    assert out == (
        "# PER001 uniform-only-sampling\n\nSeverity: error. Group: absolute.\n\n"
        "A pipeline draws uniformly.\n\n## What it does\nFinds `uniform`.\n"
    )


def test_explain_on_a_terminal(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("per_audit.cli.explain.wants_colour", lambda: True)
    assert "\x1b[" in run("explain", "PER001").out


def test_explain_as_json(run: Any) -> None:
    page = json.loads(run("explain", "PER102", "--format", "json").out)
    assert page["code"] == "PER102"
    assert page["documentation"] == "Weights broadcast | badly."
    assert page["bad"] == page["good"] == []


def test_explain_an_unknown_rule(run: Any) -> None:
    assert run("explain", "weight-broadcast") == (
        2,
        "",
        "per-audit: error: unknown rule 'weight-broadcast'; did you mean 'weights-broadcast'?\n",
    )


def test_explain_runs_the_witness(run: Any) -> None:
    assert run("explain", "PER001", "--witness").out.endswith("\n## Witness\n\n> uniform is uniform\n")
    assert json.loads(run("explain", "PER001", "--witness", "--format", "json").out)["witness"] == "uniform is uniform"


def test_explain_a_witness_that_there_is_not(run: Any) -> None:
    assert run("explain", "PER910", "--witness") == (
        2,
        "",
        "per-audit: error: PER910 (unused-suppression) has no witness; leave --witness out\n",
    )


def test_explain_shows_the_examples(run: Any) -> None:
    out = run("explain", "PER001", "--examples").out
    assert "## Reported\n\n### A call\n\n`a.py`\n\n```python\nuniform()  # <- PER001\n```\n" in out
    assert "## Not reported" not in out


def test_explain_a_check_of_verify(run: Any) -> None:
    code, out, _ = run("explain", "frequencies")
    assert code == 0
    assert out.startswith("# frequencies\n\n")
    assert json.loads(run("explain", "frequencies", "--format", "json").out)["check"] == "frequencies"
    code, _, err = run("explain", "frequencies", "--witness")
    assert (code, "leave --examples and --witness out" in err) == (2, True)
    code, _, err = run("explain", "frequency")
    assert (code, "unknown rule 'frequency'" in err) == (2, True)
