from __future__ import annotations

import sys
import types
from pathlib import Path
from typing import Any

import pytest

import per_audit.fixes.offers  # noqa: F401  while the planner is the real one
from per_audit import demo
from per_audit.fixes.dependency import declares
from per_audit.source import project_root
from per_audit.verify.results import Verification


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """No plans and no checks; the targets that were to be verified."""
    module = types.ModuleType("per_audit.fixes.planner")
    module.plan_fixes = lambda audit, options: []  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "per_audit.fixes.planner", module)
    seen: list[tuple[str, ...]] = []

    def verify(targets: Any) -> Verification:
        seen.append((*targets, str(Path.cwd())))
        return Verification([], 0, False, 0.0)

    monkeypatch.setattr(demo, "verify", verify)
    monkeypatch.setattr(demo, "_BUFFERS", dict.fromkeys(demo._BUFFERS, "numpy"))
    return seen


def commands(out: str) -> list[str]:
    return [line.removeprefix("$ ") for line in out.splitlines() if line.startswith("$ ")]


def test_the_story(run: Any, project: Path, quick: list[tuple[str, ...]]) -> None:
    code, out, err = run("demo", "my demo")
    place = project / "my demo"
    assert (code, err) == (1, "")
    assert commands(out) == [
        f"cd '{place}'",
        "per-audit scan",
        "per-audit fix --diff",
        "per-audit fix",
        "per-audit scan",
        "per-audit verify dqn.py:ReplayBuffer replay.py:RingBuffer",
    ]
    assert quick == [("dqn.py:ReplayBuffer", "replay.py:RingBuffer", str(place))]
    assert "The demo did not go as it should: the last scan" in out
    assert Path.cwd() == project


def test_without_torch(run: Any, project: Path, quick: list[tuple[str, ...]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "_BUFFERS", {"dqn.py:ReplayBuffer": "no_such_module", "replay.py:RingBuffer": "numpy"})
    out = run("demo").out
    assert "(torch is not installed, so the DQN's buffer cannot be run here.)" in out
    assert commands(out)[-1] == "per-audit verify replay.py:RingBuffer"


def test_the_project_stands_on_its_own(run: Any, project: Path, quick: list[tuple[str, ...]]) -> None:
    (project / ".git").mkdir()
    (project / "pyproject.toml").write_text("[project]\n")
    out = run("demo", "sub/demo").out
    place = project / "sub" / "demo"
    assert project_root(place) == place
    assert not declares(place)
    assert "per-audit fix --allow-dirty" in commands(out)
    assert {path.name for path in place.iterdir()} >= {"README.md", "dqn.py", "envs.py", "replay.py", "td3.py"}


def test_a_directory_of_its_own_by_default(run: Any, project: Path, quick: list[tuple[str, ...]]) -> None:
    place = Path(commands(run("demo").out)[0].removeprefix("cd "))
    assert place.name.startswith("per-audit-demo-")
    assert (place / "dqn.py").exists()
    assert list(project.iterdir()) == []


@pytest.mark.parametrize("name", ["full", "file"])
def test_what_is_there_is_not_touched(run: Any, project: Path, quick: list[tuple[str, ...]], name: str) -> None:
    (project / "full").mkdir()
    (project / "full" / "a.py").write_text("")
    (project / "file").write_text("")
    code, out, err = run("demo", name)
    assert (code, out) == (2, "")
    assert err.startswith(f"per-audit: error: {name}: is not an empty directory")
    assert [path.name for path in (project / "full").iterdir()] == ["a.py"]


def test_an_empty_directory_will_do(run: Any, project: Path, quick: list[tuple[str, ...]]) -> None:
    (project / "empty").mkdir()
    assert run("demo", "empty").code == 1


def test_help_has_examples(run: Any, project: Path) -> None:
    assert "Examples:\n" in run("demo", "--help").out


def test_the_whole_demo(run: Any, project: Path) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("per_audit.fixes.planner", reason="no planner", exc_type=ImportError)
    code, out, _ = run("demo", "demo")
    assert code == 0, out
    assert "Done. The project is in" in out
