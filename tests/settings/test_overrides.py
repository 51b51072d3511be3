from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from per_audit.audit import audit
from per_audit.findings import Severity
from per_audit.settings import Settings

pytestmark = pytest.mark.usefixtures("engine")


def found(root: Path, base: Path, **settings: Any) -> list[tuple[str, str, str]]:
    report = audit(root, [root], Settings(base, **settings)).report
    return [(finding.place.path, finding.rule, finding.severity.value) for finding in report.findings]


@pytest.fixture
def three(project: Path) -> Path:
    for name in ("src/a.py", "tests/test_a.py", "tests/deep/test_b.py"):
        path = project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("broadcast(uniform(1))\n")
    return project


@pytest.mark.parametrize(
    ("pattern", "left"),
    [
        ("tests/**", {"src/a.py"}),
        ("tests", {"src/a.py"}),
        ("test_*.py", {"src/a.py"}),
        ("tests/*.py", {"src/a.py", "tests/deep/test_b.py"}),
        ("!src/**", {"src/a.py"}),
        ("nowhere/*.py", {"src/a.py", "tests/test_a.py", "tests/deep/test_b.py"}),
    ],
)
def test_rules_are_off_in_the_files_of_a_pattern(three: Path, pattern: str, left: set[str]) -> None:
    rows = found(three, three, per_file_ignores=((pattern, ("PER0",)),))
    assert {path for path, rule, _ in rows if rule == "PER001"} == left
    assert {path for path, rule, _ in rows if rule == "PER102"} == {
        "src/a.py",
        "tests/test_a.py",
        "tests/deep/test_b.py",
    }


def test_patterns_are_relative_to_the_configuration_not_to_what_is_scanned(three: Path) -> None:
    off = (("tests/deep/*.py", ("uniform-only-sampling",)),)
    rows = found(three / "tests", three, per_file_ignores=off)
    assert [path for path, rule, _ in rows if rule == "PER001"] == ["test_a.py"]


def test_rules_about_comments_can_be_off_in_a_file(project: Path) -> None:
    (project / "a.py").write_text("uniform(1)  # per-audit: ignore[PER001]\n")
    assert found(project, project) == [("a.py", "PER911", "warning")]
    assert found(project, project, per_file_ignores=(("a.py", ("PER9",)),)) == []


def test_a_suppressed_finding_of_a_rule_that_is_off_does_not_make_the_comment_unused(project: Path) -> None:
    (project / "a.py").write_text("uniform(1)  # per-audit: ignore[PER001] known\n")
    assert found(project, project, per_file_ignores=(("a.py", ("PER001",)),)) == []


def test_severities_of_the_project_and_the_more_exact_one_wins(project: Path) -> None:
    (project / "a.py").write_text("uniform(1)\nbroadcast(1)\nevict(1)\n")
    severity = (("PER00", Severity.WARNING), ("uniform-only-sampling", Severity.INFO), ("PER", Severity.ERROR))
    assert found(project, project, severity=severity) == [
        ("a.py", "PER001", "info"),
        ("a.py", "PER102", "error"),
        ("a.py", "PER002", "warning"),
    ]


def test_ids_do_not_depend_on_overrides(project: Path) -> None:
    (project / "a.py").write_text("uniform(1)\n")
    plain = audit(project, [project], Settings(project)).report.findings[0]
    mild = audit(project, [project], Settings(project, severity=(("PER001", Severity.INFO),))).report.findings[0]
    assert (plain.id, plain.severity, mild.severity) == (mild.id, Severity.ERROR, Severity.INFO)
