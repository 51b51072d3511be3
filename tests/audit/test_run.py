from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from per_audit.audit import audit
from per_audit.errors import InternalError
from per_audit.findings import Report
from per_audit.settings import Settings

pytestmark = pytest.mark.usefixtures("engine")


def run(root: Path, **settings: Any) -> Report:
    return audit(root, [root], Settings(root, **settings)).report


def codes(report: Report) -> list[tuple[str, int]]:
    return [(finding.rule, finding.place.line) for finding in report.findings]


def test_findings_come_in_a_fixed_order_with_counts(project: Path) -> None:
    (project / "b.py").write_text("broadcast(1)\nuniform(2)\n")
    (project / "a.py").write_text("x = broadcast(uniform(1))\n")
    report = run(project)
    assert [(f.place.path, f.place.line, f.rule) for f in report.findings] == [
        ("a.py", 1, "PER102"),
        ("a.py", 1, "PER001"),
        ("b.py", 1, "PER102"),
        ("b.py", 2, "PER001"),
    ]
    assert report.files == 2
    assert report.pipelines == [{"name": "a.py"}, {"name": "b.py"}]
    assert report.root == project.as_posix()


def test_ids_survive_shifted_lines_and_differ(project: Path) -> None:
    path = project / "a.py"
    path.write_text("a = uniform(1)\na = uniform(2)\nb = uniform(3)\n")
    before = [finding.id for finding in run(project).findings]
    path.write_text("import x\n\na = uniform(1)\n\n\na = uniform(2)\nz = evict(1)\nb = uniform(3)\n")
    after = [finding.id for finding in run(project).findings if finding.rule == "PER001"]
    assert before == after
    assert len(set(before)) == 3


def test_ids_do_not_depend_on_suppressions(project: Path) -> None:
    path = project / "a.py"
    path.write_text("a = uniform(1)\na = uniform(2)\n")
    second = run(project).findings[1].id
    path.write_text("a = uniform(1)  # per-audit: ignore[PER001] known\na = uniform(2)\n")
    assert [finding.id for finding in run(project).findings] == [second]


def test_findings_said_twice_count_once(project: Path, engine: Any) -> None:
    engine.rules = (engine.rules[0], engine.rules[0])
    (project / "a.py").write_text("uniform(1)\n")
    assert len(run(project).findings) == 1


def test_select_and_ignore(project: Path) -> None:
    (project / "a.py").write_text("uniform(1)\nbroadcast(1)\nevict(1)\n")
    assert codes(run(project, select=("PER0",))) == [("PER001", 1), ("PER002", 3)]
    assert codes(run(project, select=("PER0",), ignore=("PER002",))) == [("PER001", 1)]
    assert codes(run(project, select=("weights-broadcast",), ignore=("PER1",))) == [("PER102", 2)]
    assert codes(run(project, ignore=("PER",))) == []


def test_suppressions(project: Path) -> None:
    (project / "a.py").write_text(
        "uniform(1)  # per-audit: ignore[PER001] known\n"
        "# per-audit: ignore[weights-broadcast, per001] known\n"
        "broadcast(uniform(2))\n"
        "uniform(3)\n"
    )
    report = run(project)
    assert codes(report) == [("PER001", 4)]
    assert report.suppressed == 3


def test_suppression_of_a_whole_file(project: Path) -> None:
    (project / "a.py").write_text(
        "# per-audit: ignore-file[PER001] the control arm\nuniform(1)\nbroadcast(uniform(2))\n"
    )
    assert codes(run(project)) == [("PER102", 3)]


def test_a_suppression_without_a_reason_holds_and_is_reported(project: Path) -> None:
    (project / "a.py").write_text("broadcast(uniform(1))  # per-audit: ignore[PER001, PER102]\n")
    report = run(project)
    assert codes(report) == [("PER911", 1)]
    assert report.suppressed == 2
    assert report.findings[0].place.column == 24
    assert report.findings[0].id


def test_an_unused_suppression_is_reported_for_the_rules_that_ran(project: Path) -> None:
    (project / "a.py").write_text("uniform(1)  # per-audit: ignore[PER001, PER102] known\n")
    assert codes(run(project)) == [("PER910", 1)]
    assert "PER102 (weights-broadcast)" in run(project).findings[0].message
    assert codes(run(project, select=("PER001", "PER9"))) == []
    assert codes(run(project, ignore=("unused-suppression",))) == []


def test_unused_suppressions_do_not_depend_on_the_gate(project: Path) -> None:
    (project / "a.py").write_text("nothing = 1  # per-audit: ignore[PER001] known\n")
    assert codes(run(project)) == codes(run(project, gates=False)) == [("PER910", 1)]


def test_an_unknown_rule_in_a_suppression_is_a_notice(project: Path) -> None:
    (project / "a.py").write_text("uniform(1)  # per-audit: ignore[weight-broadcast, PER001] known\n")
    report = run(project)
    assert codes(report) == []
    (notice,) = report.notices
    assert (notice.path, notice.line, notice.kind) == ("a.py", 1, "unknown-rule")
    assert "'weight-broadcast'" in notice.message
    assert "did you mean 'weights-broadcast'?" in notice.message


def test_a_malformed_suppression_is_a_notice(project: Path) -> None:
    (project / "a.py").write_text("uniform(1)  # per-audit: ignore\n")
    report = run(project)
    assert codes(report) == [("PER001", 1)]
    assert [notice.kind for notice in report.notices] == ["bad-suppression"]


def test_files_that_do_not_parse_are_one_notice_each(project: Path) -> None:
    (project / "old.py").write_text("print 'x'  # per-audit: ignore[PER001] known\n")
    (project / "data.py").write_bytes(b"\x00\x01nothing")
    (project / "new.py").write_text("uniform(1)\n")
    report = run(project)
    assert ("PER001", 1) in codes(report)
    assert [(n.path, n.line, n.kind, n.message) for n in report.notices] == [
        ("data.py", 1, "unparsable-file", "not audited: binary content (NUL bytes)"),
        ("old.py", 3, "unparsable-file", "not audited: Python 2"),
    ]


def test_what_could_not_be_read_has_no_unused_suppressions(project: Path) -> None:
    (project / "old.py").write_text("print 'x'  # per-audit: ignore[PER001] known\n")
    assert codes(run(project)) == []


def test_gates_skip_files_without_reading_them_in_full(project: Path, engine: Any) -> None:
    (project / "a.py").write_text("nothing\n")
    run(project)
    assert engine.extracted == []
    run(project, gates=False)
    assert engine.extracted == ["a.py"]


def test_copies_of_the_reference_buffers_are_not_audited(project: Path) -> None:
    (project / "copy.py").write_text("# Copied by per-audit 1.0\nuniform(1)  # per-audit: ignore[PER002] no finding\n")
    (project / "own.py").write_text("uniform(1)\n# Copied by per-audit\n")
    report = run(project)
    assert [finding.place.path for finding in report.findings] == ["own.py"]
    assert (report.files, report.notices) == (2, [])


def test_an_empty_project_is_a_notice(project: Path) -> None:
    (project / "notes.txt").touch()
    report = run(project)
    assert (report.files, codes(report)) == (0, [])
    assert [notice.kind for notice in report.notices] == ["no-python-files"]


def test_an_error_in_a_rule_names_the_rule(project: Path, engine: Any) -> None:
    class Broken(type(engine.rules[0])):  # type: ignore[misc]
        """Breaks."""

        def check(self, graph: Any) -> Any:
            yield from ()
            raise KeyError("oops")

    (project / "a.py").touch()
    engine.rules = (Broken(),)
    with pytest.raises(InternalError, match=r"rule PER001 \(uniform-only-sampling\) on .* failed: KeyError: 'oops'"):
        run(project)


def test_an_error_on_a_file_names_the_file(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "a.py").touch()
    monkeypatch.setattr("per_audit.facts.extract", lambda path, data: 1 / 0)
    with pytest.raises(InternalError, match=r"reading a\.py failed: ZeroDivisionError"):
        run(project)


def test_an_error_in_linking(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "a.py").touch()
    monkeypatch.setattr("per_audit.graph.link", lambda modules, tree: 1 / 0)
    with pytest.raises(InternalError, match=r"linking the files of .* failed"):
        run(project)


def test_progress(project: Path) -> None:
    for name in "abc":
        (project / f"{name}.py").touch()
    seen: list[tuple[int, int]] = []
    audit(project, [project], Settings(project), lambda done, total: seen.append((done, total)))
    assert seen == [(0, 3), (1, 3), (2, 3), (3, 3)]


@pytest.mark.parametrize(
    ("word", "failing"),
    [
        ("uniform(1)", {"error", "warning", "info"}),
        ("broadcast(1)", {"warning", "info"}),
        ("evict(1)", {"info"}),
        ("x", set()),
    ],
)
def test_what_fails(project: Path, word: str, failing: set[str]) -> None:
    (project / "a.py").write_text(f"{word}\n")
    report = run(project)
    assert {level for level in ("error", "warning", "info", "never") if report.fails(level)} == failing
