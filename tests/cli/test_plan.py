from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from per_audit.report import plan_json
from per_audit.rule import all_rules


@pytest.fixture
def broken(project: Path) -> Path:
    """A project whose strata are rounded down."""
    (example,) = [
        each for rule in all_rules() if rule.code == "PER305" for each in rule.bad if "method's" in each.title
    ]
    for path, text in example.plain.items():
        (project / path).write_text(text)
    return project


def test_the_steps_and_how_to_check_them(run: Any, broken: Path) -> None:
    before = {path: path.read_bytes() for path in broken.rglob("*.py")}
    code, out, err = run("plan", "--select", "PER305")
    assert (code, err) == (1, "")
    number = before[broken / "memory.py"].partition(b"width =")[0].count(b"\n") + 1
    assert f"memory.py:{number}: width = self.tree.total() // n" in out
    assert "+         width = self.tree.total() / n" in out
    assert "run: per-audit verify memory.py:Memory" in out
    assert out.endswith("1 task: 1 `fix` does.\n")
    assert {path: path.read_bytes() for path in broken.rglob("*.py")} == before


def test_json_is_the_document_alone(run: Any, broken: Path) -> None:
    code, out, err = run("plan", "--format", "json")
    document = json.loads(out)
    jsonschema.validate(document, plan_json.schema())
    assert (code, err, document["root"]) == (1, "", broken.resolve().as_posix())
    assert run("plan", "--format", "json").out == out


def test_markdown_into_a_file(run: Any, broken: Path) -> None:
    assert run("plan", "--format", "markdown", "--output", "TODO.md") == (1, "", "")
    assert (broken / "TODO.md").read_text().startswith("# per-audit plan\n")


def test_nothing_to_do(run: Any, project: Path) -> None:
    (project / "a.py").write_text("x = 1\n")
    assert run("plan") == (0, "Nothing to do.\n", "")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [(("no.py",), "no.py"), (("--select", "PER999"), "PER999"), (("--output", "no/where.md"), "no/where.md")],
)
def test_bad_input(run: Any, broken: Path, arguments: tuple[str, ...], told: str) -> None:
    code, out, err = run("plan", *arguments)
    assert (code, out) == (2, "")
    assert told in err


def test_help_has_examples(run: Any) -> None:
    code, out, _ = run("plan", "--help")
    assert code == 0
    assert "per-audit plan --format json" in out
