from __future__ import annotations

import shutil
import subprocess

import pytest

from per_audit.errors import UserError
from per_audit.fixes.guard import require_clean

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")


def git(root, *arguments):
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    subprocess.run(["git", *identity, *arguments], cwd=root, check=True, capture_output=True)


@pytest.fixture
def root(tmp_path):
    root = tmp_path / "top" / "my project"
    root.mkdir(parents=True)
    for name in ("a.py", "b c.py", "é.py", "../above.py"):
        (root / name).write_text("1\n")
    git(tmp_path / "top", "init", "-q")
    git(tmp_path / "top", "add", ".")
    git(tmp_path / "top", "commit", "-qm", "x")
    return root


def test_a_clean_tree_is_accepted_until_it_is_changed(root):
    require_clean(root, ["a.py"])
    (root / "a.py").write_text("2\n")
    with pytest.raises(UserError, match=r"git: a\.py;"):
        require_clean(root, ["a.py"])


@pytest.mark.parametrize("name", ["a.py", "b c.py", "é.py"])
def test_changes_are_named(root, name):
    (root / name).write_text("2\n")
    with pytest.raises(UserError, match=f"^not committed in git: {name}; commit or stash first, or use --allow-dirty$"):
        require_clean(root, [])


def test_staged_renamed_and_deleted(root):
    git(root, "mv", "a.py", "new.py")
    (root / "b c.py").unlink()
    with pytest.raises(UserError, match=r"b c\.py, new\.py|new\.py, b c\.py"):
        require_clean(root, [])


def test_untracked_files_count_only_where_they_are_touched(root):
    (root / "data").mkdir()
    (root / "data" / "new.py").write_text("")
    require_clean(root, ["a.py"])
    with pytest.raises(UserError, match=r"git: data/new\.py;"):
        require_clean(root, ["data/new.py"])


def test_changes_beside_the_project_do_not_count(root):
    (root / "../above.py").write_text("2\n")
    require_clean(root, ["a.py"])
    with pytest.raises(UserError, match=r"above\.py"):
        require_clean(root.parent, [])


def test_many_files_are_counted(root):
    for number in range(8):
        (root / f"{number}.py").write_text("")
    git(root, "add", ".")
    with pytest.raises(UserError, match="and 3 more"):
        require_clean(root, [])


def test_no_repository_and_no_git(tmp_path, root, monkeypatch):
    (tmp_path / "plain").mkdir()
    require_clean(tmp_path / "plain", ["a.py"])
    (root / "a.py").write_text("2\n")
    with pytest.raises(UserError):
        require_clean(root, ["a.py"])
    monkeypatch.setenv("PATH", "")
    require_clean(root, ["a.py"])


def test_the_state_directory_does_not_count(root):
    (root / ".per-audit").mkdir()
    (root / ".per-audit" / "record.json").write_text("{}")
    git(root, "add", ".")
    require_clean(root, [])
    (root / "a.py").write_text("2\n")
    with pytest.raises(UserError, match=r"git: a\.py;"):
        require_clean(root, [])
