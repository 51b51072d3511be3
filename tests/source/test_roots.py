"""Which directory paths are relative to, and which one a project's own state belongs to."""

from pathlib import Path

import pytest

from per_audit.source.roots import is_packaged, marked_root, project_root, repository_top, scan_root, upwards


@pytest.fixture
def tree(tmp_path):
    for name in ("work/one/src", "work/two", "other"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "work/one/src/a.py").touch()
    (tmp_path / "other/b.py").touch()
    return tmp_path.resolve()


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        ([], "work"),
        (["one", "two"], "work"),
        (["one/src/a.py"], "work"),
        (["../other"], "other"),
        (["../other/b.py"], "other"),
        (["../other/b.py", "one"], "."),
        (["one/../../other"], "other"),
        ([".."], "."),
    ],
)
def test_reported_paths_are_relative_to_the_deepest_directory_that_holds_them_all(tree, paths, expected):
    assert scan_root([tree / "work" / path for path in paths], tree / "work") == (tree / expected).resolve()


def test_relative_paths_start_at_the_current_directory(tree, monkeypatch):
    monkeypatch.chdir(tree / "work" / "one")
    assert scan_root([Path("src")]) == tree / "work" / "one"
    assert scan_root([Path("../two")]) == tree / "work" / "two"


@pytest.mark.parametrize("mark", ["pyproject.toml", "setup.py", ".git", ".per-audit"])
def test_a_project_is_the_nearest_directory_that_looks_like_one(tree, mark):
    (tree / "work" / "pyproject.toml").touch()
    (tree / "work" / "one" / mark).touch()
    assert project_root(tree / "work/one/src/a.py") == tree / "work" / "one"
    assert project_root(tree / "work/one/src") == tree / "work" / "one"
    assert project_root(tree / "work/two") == tree / "work"


def test_a_file_of_no_project_belongs_to_its_own_directory(tmp_path, monkeypatch):
    monkeypatch.setattr("per_audit.source.roots._PROJECT_MARKS", ("no-such-mark",))
    (tmp_path / "a.py").touch()
    assert project_root(tmp_path / "a.py") == tmp_path.resolve()
    assert marked_root(tmp_path / "a.py") is None


def test_the_top_of_a_work_tree_may_be_a_file_as_in_worktrees(tree):
    (tree / "work" / ".git").write_text("gitdir: elsewhere")
    assert repository_top(tree / "work/one/src") == tree / "work"
    assert repository_top(tree / "work") == tree / "work"


def test_upwards_ends_at_the_top_of_the_file_system(tree):
    steps = list(upwards(tree / "work"))
    assert steps[:2] == [tree / "work", tree]
    assert steps[-1] == steps[-1].parent


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("setup.py", "", True),
        ("pyproject.toml", '[build-system]\nrequires = ["hatchling"]\n', True),
        ("pyproject.toml", "[tool.ruff]\nline-length = 100\n", False),
        ("requirements.txt", "numpy\n", False),
    ],
)
def test_what_can_be_built_is_packaged(tmp_path, name, text, expected):
    (tmp_path / name).write_text(text)
    assert is_packaged(tmp_path) is expected


def test_what_was_unpacked_of_a_wheel_is_packaged(tmp_path):
    (tmp_path / "replays").mkdir()
    (tmp_path / "notes.dist-info.txt").touch()
    assert not is_packaged(tmp_path)
    (tmp_path / "replays-1.2.dist-info").mkdir()
    assert is_packaged(tmp_path)
    assert not is_packaged(tmp_path / "replays")
