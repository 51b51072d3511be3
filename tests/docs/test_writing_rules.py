"""docs/writing-rules.md: its rule works as the guide says, and its configuration loads."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from per_audit.catalogue.own_rules import load_own
from per_audit.cli import main
from per_audit.rule import HEADINGS, Example
from per_audit.settings import load
from per_audit.settings.pyproject import table
from per_audit.testing import check_examples, findings

TEXT = Path(__file__).parents[2].joinpath("docs", "writing-rules.md").read_text("utf-8")
RULE, TEST = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
CONFIGURATION, PACKAGE = re.findall(r"```toml\n(.*?)```", TEXT, re.DOTALL)


@pytest.fixture
def guide(project: Path) -> Path:
    """The project of the guide, with the rule's bad example as its code."""
    folder = project / "tools" / "house_rules"
    folder.mkdir(parents=True)
    (folder / "alpha_above_limit.py").write_text(RULE)
    (project / "pyproject.toml").write_text(CONFIGURATION)
    return project


def test_the_rule_reports_what_the_guide_says(guide: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (rule,) = load(guide).catalogue.own
    check_examples(rule)
    (guide / "memory.py").write_text(rule.bad[0].plain["memory.py"])
    assert main(["scan", "--select", "ACME", "--format", "json"]) == 1
    (found,) = json.loads(capsys.readouterr().out)["findings"]
    assert found["rule"] == "ACME001"
    assert found["symbol"] == "Memory.update"
    assert found["message"] == "the priorities of Memory are raised to 0.9; the team's limit is 0.7"


def test_an_exponent_that_is_an_attribute(guide: Path) -> None:
    (rule,) = load(guide).catalogue.own
    text = rule.bad[0].plain["memory.py"].replace("** 0.9", "** self.alpha")
    for alpha, reported in ((0.8, 1), (0.6, 0)):
        files = {
            "memory.py": text.replace("(self, size):", f"(self, size, alpha={alpha}):\n        self.alpha = alpha")
        }
        assert len(findings(rule, Example("", files))) == reported


def test_explain(guide: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "ACME001", "--examples"]) == 0
    page = capsys.readouterr().out
    assert all(f"## {heading}" in page for heading in HEADINGS)
    assert "A number in the update" in page


def test_the_test(guide: Path) -> None:
    (guide / "test_house_rules.py").write_text(TEST)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_house_rules.py"]
    done = subprocess.run(command, cwd=guide, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout


def test_check_examples_tells_what_is_amiss(guide: Path) -> None:
    (rule,) = load_own([(guide / "tools" / "house_rules", "here")], installed=False).own
    rule.__class__.good = rule.bad
    rule.__class__.bad = (Example("silent", {"a.py": "x = 1\n"}),)
    with pytest.raises(AssertionError, match="silent: no line is marked"):
        check_examples(rule)


def test_the_table_loads(guide: Path) -> None:
    assert table(guide / "pyproject.toml") == {"rules": ["tools/house_rules"]}


def test_the_entry_point_is_of_the_group(tmp_path: Path) -> None:
    from per_audit.catalogue.own_rules import GROUP

    assert f'[project.entry-points."{GROUP}"]' in PACKAGE


def test_every_part_of_the_graph_exists() -> None:
    from per_audit.graph import ReplayGraph

    named = set(re.findall(r"`graph\.(\w+)", TEXT)) - {"buffers"}
    assert len(named) > 10
    assert all(hasattr(ReplayGraph, name) for name in named)
