from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from per_audit.errors import UserError
from per_audit.scan import Request, Result, scan
from per_audit.settings import Settings

pytestmark = pytest.mark.usefixtures("engine")


def run(root: Path, *paths: str, settings: dict[str, Any] | None = None, **request: Any) -> Result:
    chosen = Settings(root, **{"baseline": "known.json", **(settings or {})})
    return scan(root, [root / path for path in paths] or [root], chosen, Request(**request))


def left(result: Result) -> list[tuple[str, int]]:
    return [(finding.place.path, finding.place.line) for finding in result.report.findings]


def entries(root: Path) -> list[tuple[str, str]]:
    return [(entry["path"], entry["rule"]) for entry in json.loads((root / "known.json").read_text())["findings"]]


def stale(result: Result) -> list[str]:
    return [notice.message for notice in result.report.notices if notice.kind == "stale-baseline"]


@pytest.fixture
def known(project: Path) -> Path:
    """A project with two findings in its baseline."""
    (project / "a.py").write_text("uniform(1)\n")
    (project / "b.py").write_text("broadcast(1)\n")
    result = run(project, update_baseline=True)
    assert (left(result), result.exit_code, result.report.known) == ([], 0, 2)
    assert result.said == f"{project / 'known.json'}: 2 known, 2 of them new, 0 gone"
    return project


def test_only_what_is_new_is_reported_and_fails(known: Path) -> None:
    result = run(known)
    assert (left(result), result.exit_code, result.report.known, result.said) == ([], 0, 2, "")
    (known / "c.py").write_text("uniform(1)\n")
    result = run(known)
    assert (left(result), result.exit_code, result.report.known) == ([("c.py", 1)], 1, 2)


def test_a_scan_never_writes_the_baseline(known: Path) -> None:
    before = (known / "known.json").read_bytes()
    (known / "a.py").write_text("broadcast(1)\n")
    run(known, fail_on_stale=True)
    assert (known / "known.json").read_bytes() == before


def test_what_is_gone_is_counted_and_fails_only_if_asked_for(known: Path) -> None:
    (known / "a.py").write_text("x = 1\n")
    result = run(known)
    assert (result.exit_code, result.report.stale) == (0, 1)
    assert stale(result) == [
        "1 finding of the baseline is gone (PER001 in a.py, uniform); run --update-baseline to shrink it"
    ]
    assert result.said == ""
    result = run(known, fail_on_stale=True)
    assert (result.exit_code, result.said) == (1, stale(result)[0])
    assert run(known, fail_on_stale=True, settings={"fail_on": "never"}).exit_code == 1
    (known / "b.py").unlink()
    assert stale(run(known))[0].startswith("2 findings of the baseline are gone (PER001 in a.py, uniform); run")


def test_update_takes_in_what_is_new_and_drops_what_is_gone(known: Path) -> None:
    (known / "a.py").write_text("x = 1\n")
    (known / "c.py").write_text("uniform(1)\n")
    result = run(known, update_baseline=True, fail_on_stale=True)
    assert (left(result), result.exit_code, result.report.stale) == ([], 0, 0)
    assert result.said == f"{known / 'known.json'}: 2 known, 1 of them new, 1 gone"
    assert entries(known) == [("b.py", "PER102"), ("c.py", "PER001")]


def test_prune_only_drops(known: Path) -> None:
    (known / "a.py").write_text("x = 1\n")
    (known / "c.py").write_text("uniform(1)\n")
    result = run(known, prune_baseline=True)
    assert (left(result), result.exit_code, result.report.stale) == ([("c.py", 1)], 1, 0)
    assert result.said == f"{known / 'known.json'}: 1 known, 0 of them new, 1 gone"
    assert entries(known) == [("b.py", "PER102")]


def test_rules_that_did_not_run_keep_their_entries(known: Path) -> None:
    only = {"select": ("PER102",)}
    assert stale(run(known, settings=only)) == []
    run(known, settings=only, update_baseline=True)
    assert entries(known) == [("a.py", "PER001"), ("b.py", "PER102")]


def test_files_that_could_not_be_read_keep_their_entries(known: Path) -> None:
    (known / "a.py").write_text("print 'x'\n")
    assert stale(run(known)) == []
    run(known, update_baseline=True)
    assert entries(known) == [("a.py", "PER001"), ("b.py", "PER102")]


def test_a_part_of_the_project_says_nothing_of_what_is_gone_and_updates_nothing(known: Path) -> None:
    (known / "a.py").write_text("uniform(1)\nbroadcast(1)\n")
    result = run(known, "a.py")
    assert (left(result), result.report.known, stale(result)) == ([("a.py", 2)], 1, [])
    with pytest.raises(UserError, match=r"known\.json: has findings outside of what was scanned \(b\.py\); scan the"):
        run(known, "a.py", update_baseline=True)
    assert entries(known) == [("a.py", "PER001"), ("b.py", "PER102")]


@pytest.mark.parametrize("option", ["update_baseline", "prune_baseline", "fail_on_stale"])
def test_options_that_need_a_baseline(project: Path, option: str) -> None:
    with pytest.raises(UserError, match=rf"--{option.replace('_', '-')}: there is no baseline; name one with"):
        run(project, settings={"baseline": None}, **{option: True})


def test_a_baseline_that_does_not_exist(project: Path) -> None:
    for request in ({}, {"prune_baseline": True}):
        with pytest.raises(UserError, match=r"known\.json: there is no such baseline; write it with --update"):
            run(project, **request)


def test_no_other_file_is_overwritten(project: Path) -> None:
    (project / "known.json").write_text("x = 1\n")
    with pytest.raises(UserError, match="is no valid JSON"):
        run(project, update_baseline=True)
    assert (project / "known.json").read_text() == "x = 1\n"


def git(root: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=x", "-c", "user.email=x@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *identity, *arguments], cwd=root, check=True)


@pytest.fixture
def repository(known: Path) -> Path:
    git(known, "init", "-q", "-b", "main")
    git(known, "add", "-A")
    git(known, "commit", "-q", "-m", "x")
    return known


def test_only_what_changes_touch(repository: Path) -> None:
    (repository / "a.py").write_text("uniform(1)\nuniform(2)\nbroadcast(3)\n")
    result = run(repository, since="HEAD", settings={"baseline": None})
    assert left(result) == [("a.py", 2), ("a.py", 3)]
    assert (result.exit_code, result.report.unchanged) == (1, 2)
    git(repository, "add", "-A")
    git(repository, "commit", "-q", "-m", "x")
    result = run(repository, since="HEAD", settings={"baseline": None})
    assert (left(result), result.exit_code, result.report.unchanged) == ([], 0, 4)


def test_changes_within_the_baseline(repository: Path) -> None:
    (repository / "a.py").write_text("if x:\n    uniform(1)\nuniform(2)\n")
    result = run(repository, since="main")
    assert (left(result), result.report.known, result.report.unchanged) == ([("a.py", 3)], 2, 0)


def test_a_baseline_is_not_made_of_changes_alone(repository: Path) -> None:
    with pytest.raises(UserError, match="--since: a baseline holds the findings of a whole project"):
        run(repository, since="main", update_baseline=True)
