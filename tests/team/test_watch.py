"""Nothing here waits: the pause between two looks is where the tests change files, until they interrupt."""

from __future__ import annotations

import os
import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from per_audit.audit import audit
from per_audit.errors import UserError
from per_audit.settings import Settings, load
from per_audit.team import watch as module
from per_audit.team.watch import forget_old, pauses, snapshot, watch

pytestmark = pytest.mark.usefixtures("engine")


class Session:
    """Watches `root` while `steps` are taken, one a pause; the last step is Ctrl-C."""

    def __init__(self, root: Path, *steps: Callable[[], object], paths: tuple[Path, ...] = ()) -> None:
        self.root = root
        self.acts: list[list[str]] = []
        self.complaints: list[str] = []
        self.during: list[Callable[[], object]] = []
        self._steps = iter(steps)
        self._paths = paths or (root,)

    def run(self) -> Session:
        with pytest.raises(KeyboardInterrupt):
            watch(self.root, self._paths, lambda: load(self.root), self._act, self._complain, self._pause)
        return self

    def _act(self, settings: Settings) -> None:
        report = audit(self.root, self._paths, settings).report
        self.acts.append([f"{finding.place.path}:{finding.place.line}" for finding in report.findings])
        if self.during:
            self.during.pop()()

    def _complain(self, error: UserError) -> None:
        self.complaints.append(str(error))

    def _pause(self) -> None:
        step = next(self._steps, None)
        if step is None:
            raise KeyboardInterrupt
        step()


def writing(path: Path, text: str) -> Callable[[], object]:
    return lambda: path.write_text(text)


def test_it_scans_at_once_and_whenever_something_changes(project: Path) -> None:
    a, b = project / "a.py", project / "b.py"
    a.write_text("uniform(1)\n")
    session = Session(
        project,
        lambda: None,
        writing(b, "broadcast(1)\n"),
        lambda: None,
        writing(a, "xxx\nuniform(1)\n"),
        b.unlink,
    )
    assert session.run().acts == [["a.py:1"], ["a.py:1", "b.py:1"], ["a.py:2", "b.py:1"], ["a.py:2"]]
    assert session.complaints == []


def test_a_file_of_the_same_size_counts_by_its_time(project: Path) -> None:
    path = project / "a.py"
    path.write_text("uniform(1)\n")
    os.utime(path, ns=(1, 1))

    def change() -> None:
        path.write_text("uniforn(1)\n")
        os.utime(path, ns=(2, 2))

    assert Session(project, change).run().acts == [["a.py:1"], []]


def test_what_is_not_scanned_does_not_count(project: Path) -> None:
    (project / "notes.txt").touch()
    (project / "a.py").touch()
    session = Session(project, writing(project / "notes.txt", "x\n"), writing(project / "b.py", "uniform(1)\n"))
    assert session.run().acts == [[], ["b.py:1"]]
    only = Session(project, writing(project / "b.py", "uniform(1)\nx\n"), paths=(project / "a.py",))
    assert only.run().acts == [[]]


def test_the_configuration_is_read_again(project: Path) -> None:
    (project / "a.py").write_text("uniform(1)\n")
    config = project / "pyproject.toml"
    session = Session(
        project, writing(config, "[tool.per-audit]\nignore = ['PER001']\n"), writing(config, "[tool.per-audit]\n")
    )
    assert session.run().acts == [["a.py:1"], [], ["a.py:1"]]


def test_a_changed_baseline_counts(project: Path) -> None:
    (project / "pyproject.toml").write_text("[tool.per-audit]\nbaseline = 'known.json'\n")
    assert Session(project, writing(project / "known.json", "{}")).run().acts == [[], []]


def test_a_broken_configuration_is_complained_of_and_waited_out(project: Path) -> None:
    (project / "a.py").write_text("uniform(1)\n")
    config = project / "pyproject.toml"
    session = Session(project, writing(config, "[tool.per-audit\n"), writing(config, "[tool.per-audit]\n")).run()
    assert session.acts == [["a.py:1"], ["a.py:1"]]
    assert len(session.complaints) == 1
    assert "is no valid TOML" in session.complaints[0]


def test_a_path_that_goes_away_for_a_while(project: Path) -> None:
    path = project / "a.py"
    path.write_text("uniform(1)\n")
    session = Session(project, path.unlink, writing(path, "x\nuniform(1)\n"), paths=(path,)).run()
    assert session.acts == [["a.py:1"], ["a.py:2"]]
    assert "no such file or directory" in session.complaints[0]


def test_an_error_on_the_first_round_ends_it(project: Path) -> None:
    (project / "pyproject.toml").write_text("[tool.per-audit\n")
    with pytest.raises(UserError, match="is no valid TOML"):
        watch(project, [project], lambda: load(project), print, print, print)


def test_what_changes_during_a_scan_is_not_lost(project: Path) -> None:
    path = project / "a.py"
    path.write_text("uniform(1)\n")
    session = Session(project)
    session.during.append(writing(path, "x\n\nuniform(1)\n"))
    assert session.run().acts == [["a.py:1"], ["a.py:3"]]


def test_the_snapshot_names_what_there_is_and_what_is_missing(project: Path) -> None:
    (project / "a.py").write_text("12345")
    seen = snapshot(project, [project], Settings(project, baseline="known.json"))
    assert {Path(path).name: state and state[1] for path, state in seen.items()} == {
        "a.py": 5,
        "pyproject.toml": None,
        "known.json": None,
    }


def test_only_the_newest_facts_of_a_file_are_kept(project: Path, engine: Any) -> None:
    cache: Any = {}
    for text in ("uniform(1)\n", "uniform(2)\n", "uniform(3)\n"):
        (project / "a.py").write_text(text)
        (project / "b.py").write_text("uniform(1)\n")
        audit(project, [project], Settings(project), cache=cache)
        forget_old(cache)
    assert sorted(cache) == [("a.py", b"uniform(3)\n"), ("b.py", b"uniform(1)\n")]
    assert engine.extracted == ["a.py", "b.py", "a.py", "a.py"]


def test_pauses_of_a_second_without_watchfiles(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "watchfiles", None)
    slept: list[float] = []
    monkeypatch.setattr(module.time, "sleep", slept.append)
    pause = pauses(project)
    pause()
    pause()
    assert slept == [1.0, 1.0]


def test_pauses_until_watchfiles_reports_something_and_of_a_second_where_it_cannot(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    happened: list[object] = []

    def changes(root: Path, **options: Any) -> Iterator[object]:
        happened.append(root)
        yield set()
        happened.append("more")
        yield set()
        raise OSError("too many directories")

    fake: Any = types.ModuleType("watchfiles")
    fake.watch = changes
    monkeypatch.setitem(sys.modules, "watchfiles", fake)
    monkeypatch.setattr(module.time, "sleep", happened.append)
    pause = pauses(project)
    for _ in range(4):
        pause()
    assert happened == [project, "more", 1.0, 1.0]
