from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from per_audit.audit import audit
from per_audit.errors import UserError
from per_audit.findings import Finding, Place, Severity
from per_audit.settings import Settings
from per_audit.team.baseline import Baseline, Entry

pytestmark = pytest.mark.usefixtures("engine")


def write(root: Path, **contents: str) -> None:
    for name, text in contents.items():
        path = root / f"{name.replace('__', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def findings(root: Path) -> list[Finding]:
    return audit(root, [root], Settings(root)).report.findings


def record(root: Path, path: Path | None = None) -> Baseline:
    path = path or root / "known.json"
    Baseline(path, Baseline(path).entries_of(root, findings(root))).write()
    return Baseline.load(path)


def new_and_gone(baseline: Baseline, root: Path) -> tuple[list[tuple[str, int]], list[str]]:
    match = baseline.match(root, findings(root))
    return [(f.place.path, f.place.line) for f in match.new], [f"{e.path} {e.code}" for e in match.gone]


def test_what_was_recorded_is_known(project: Path) -> None:
    write(project, a="x = uniform(1)\nbroadcast(2)\n", sub__b="uniform(1)\n")
    baseline = record(project)
    assert new_and_gone(baseline, project) == ([], [])
    write(project, a="x = uniform(1)\nbroadcast(2)\ny = uniform(3)\n")
    assert new_and_gone(baseline, project) == ([("a.py", 3)], [])


def test_lines_above_and_the_layout_of_the_line_do_not_matter(project: Path) -> None:
    write(project, a="x = uniform(1)\n")
    baseline = record(project)
    write(project, a="import y\n\n\nevict = 1\nif x:\n    x = uniform( 1 )  # why\n")
    assert new_and_gone(baseline, project) == ([], [])


LINES = st.lists(st.sampled_from(["uniform(1)", "x = uniform(2)", "broadcast(1)", "evict(1)"]), max_size=6)
SHARED = settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])


@given(LINES, st.lists(st.tuples(st.integers(0, 6), st.sampled_from(["", "y = 1", "# why"])), max_size=6))
@SHARED
def test_other_lines_may_come_and_go(project: Path, lines: list[str], others: list[tuple[int, str]]) -> None:
    write(project, a="\n".join(lines))
    baseline = record(project)
    for position, text in others:
        lines.insert(position, text)
    write(project, a="\n".join(lines))
    assert new_and_gone(baseline, project) == ([], [])


@given(LINES, LINES, LINES, LINES)
@SHARED
def test_each_entry_knows_one_finding(
    project: Path, a: list[str], b: list[str], later_a: list[str], later_b: list[str]
) -> None:
    write(project, a="\n".join(a), b="\n".join(b))
    baseline = record(project)
    write(project, a="\n".join(later_a), b="\n".join(later_b))
    found = findings(project)
    match = baseline.match(project, found)
    assert sorted([*match.new, *match.known], key=found.index) == found
    assert len(match.known) + len(match.gone) == len(baseline.entries)


def test_what_is_gone_is_named(project: Path) -> None:
    write(project, a="x = uniform(1)\n", b="uniform(1)\n")
    baseline = record(project)
    write(project, a="x = 1\n")
    (project / "b.py").unlink()
    assert new_and_gone(baseline, project) == ([], ["a.py uniform(", "b.py uniform("])


def test_of_equal_findings_as_many_are_known_as_were_recorded(project: Path) -> None:
    write(project, a="x = uniform(1)\nx = uniform(1)\n")
    baseline = record(project)
    assert [entry.path for entry in baseline.entries] == ["a.py", "a.py"]
    write(project, a="x = uniform(1)\n")
    assert new_and_gone(baseline, project) == ([], ["a.py uniform("])
    write(project, a="x = uniform(1)\n" * 3)
    assert new_and_gone(baseline, project) == ([("a.py", 3)], [])


def finding(path: str, line: int, text: str, symbol: str = "Agent.learn", rule: str = "PER001") -> Finding:
    return Finding(rule, "x", Severity.ERROR, "high", "m", Place(path, line, 1, line, len(text) + 1), symbol)


def test_of_two_findings_of_a_symbol_the_one_with_the_same_text_is_known(project: Path) -> None:
    write(project, a="old draw\n")
    baseline = Baseline(project / "known.json")
    baseline = Baseline(baseline.path, baseline.entries_of(project, [finding("a.py", 1, "old draw")]))
    write(project, a="new draw\nold draw\n")
    above, below = finding("a.py", 1, "new draw"), finding("a.py", 2, "old draw")
    match = baseline.match(project, [above, below])
    assert (match.new, match.known, match.gone) == ([above], [below], [])


def test_an_edited_line_of_the_same_symbol_stays_known(project: Path) -> None:
    write(project, a="draw(32)\n")
    path = project / "known.json"
    baseline = Baseline(path, Baseline(path).entries_of(project, [finding("a.py", 1, "draw(32)")]))
    write(project, a="draw(64)\n")
    assert baseline.match(project, [finding("a.py", 1, "draw(64)")]).new == []
    for other in (finding("a.py", 1, "draw(64)", symbol="Other"), finding("a.py", 1, "draw(64)", rule="PER102")):
        assert baseline.match(project, [other]).new == [other]


def test_a_finding_moves_with_its_file_but_a_copy_is_new(project: Path) -> None:
    write(project, a="x = uniform(1)\n")
    baseline = record(project)
    write(project, lib__b="x = uniform(1)\n")
    assert new_and_gone(baseline, project) == ([("lib/b.py", 1)], [])
    (project / "a.py").unlink()
    assert new_and_gone(baseline, project) == ([], [])


def test_code_in_no_function_moves_with_its_file_though_it_is_called_after_it(project: Path) -> None:
    write(project, lib__a="draw\n", lib__b="draw\n")
    path = project / "known.json"
    baseline = Baseline(path, Baseline(path).entries_of(project, [finding("lib/a.py", 1, "draw", symbol="lib.a")]))
    assert baseline.entries[0].symbol == ""
    (project / "lib" / "a.py").unlink()
    assert baseline.match(project, [finding("lib/b.py", 1, "draw", symbol="lib.b")]).new == []


def test_paths_are_relative_to_the_baseline_from_wherever_the_scan_starts(project: Path) -> None:
    write(project, sub__a="x = uniform(1)\n")
    (project / ".ci").mkdir()
    baseline = record(project, project / ".ci" / "known.json")
    assert [entry.path for entry in baseline.entries] == ["../sub/a.py"]
    assert new_and_gone(baseline, project / "sub") == ([], [])


def test_entries_outside_of_what_was_scanned(project: Path) -> None:
    write(project, sub__a="uniform(1)\n", b="uniform(1)\n")
    baseline = record(project)
    assert baseline.outside([project]) == []
    assert [entry.path for entry in baseline.outside([project / "sub"])] == ["b.py"]
    assert [entry.path for entry in baseline.outside([project / "b.py"])] == ["sub/a.py"]
    (project / "b.py").unlink()
    assert baseline.outside([project / "sub"]) == []


def test_the_file_is_for_people_and_for_merges(project: Path) -> None:
    write(project, b="uniform(1)\nbroadcast(1)\n", a="x = uniform('\xe4')\n")
    text = record(project).path.read_text("ascii")
    assert text == record(project).path.read_text("ascii")
    lines = text.splitlines()
    assert lines[0] == "{"
    assert "per-audit scan --update-baseline" in lines[1]
    assert lines[3] == '  "findings": ['
    rows = [json.loads(line.strip().rstrip(",")) for line in lines[4:-2]]
    assert [(row["path"], row["rule"], row["symbol"], row["code"]) for row in rows] == [
        ("a.py", "PER001", "x = uniform", "uniform("),
        ("b.py", "PER001", "uniform", "uniform("),
        ("b.py", "PER102", "broadcast", "broadcast("),
    ]
    assert "line" not in rows[0]


def test_an_empty_baseline(project: Path) -> None:
    Baseline(project / "known.json").write()
    assert json.loads((project / "known.json").read_text())["findings"] == []
    assert Baseline.load(project / "known.json").entries == []


@given(
    st.lists(
        st.builds(Entry, *[st.text(st.characters(exclude_categories=[]), max_size=8) for _ in range(5)]), max_size=5
    )
)
@settings(max_examples=50)
def test_what_is_written_is_read_again(tmp_path_factory: pytest.TempPathFactory, entries: list[Entry]) -> None:
    path = tmp_path_factory.mktemp("baseline") / "known.json"
    Baseline(path, entries).write()
    assert Baseline.load(path).entries == sorted(entries)
    assert len(path.read_text().splitlines()) == len(entries) + (6 if entries else 5)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, r"there is no such baseline; write it with --update-baseline"),
        ("", "is no valid JSON"),
        ('{\n<<<<<<< HEAD\n  "findings": []}', r"is no valid JSON .*after a merge conflict keep the entries of both"),
        ("[]", "is no baseline of per-audit; name another --baseline"),
        ('{"findings": {}}', "is no baseline of per-audit"),
        ('{"findings": [{"path": "a.py"}]}', "is no baseline of per-audit"),
        ('{"schema_version": "2.0", "findings": []}', "was written by another version of per-audit"),
    ],
)
def test_a_file_that_is_no_baseline(project: Path, text: str | None, said: str) -> None:
    path = project / "known.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(UserError, match=rf"known\.json: .*{said}"):
        Baseline.load(path)


def test_bytes_that_are_no_text(project: Path) -> None:
    (project / "known.json").write_bytes(b"\xff\xfe\x00{")
    with pytest.raises(UserError, match="is no valid JSON"):
        Baseline.load(project / "known.json")


def test_where_it_cannot_be_read_or_written(project: Path) -> None:
    (project / "known.json").mkdir()
    with pytest.raises(UserError, match=r"known\.json: cannot be read"):
        Baseline.load(project / "known.json")
    with pytest.raises(UserError, match=r"missing/known\.json: cannot be written \(No such file"):
        Baseline(project / "missing" / "known.json").write()


def test_a_write_that_fails_leaves_the_old_file(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(project, a="uniform(1)\n")
    baseline = record(project)
    before = baseline.path.read_bytes()

    def fail(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("os.replace", fail)
    with pytest.raises(KeyboardInterrupt):
        Baseline(baseline.path).write()
    assert baseline.path.read_bytes() == before
    assert sorted(path.name for path in project.iterdir()) == ["a.py", "known.json"]
