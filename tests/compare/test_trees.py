from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from per_audit.compare.trees import trees
from per_audit.errors import UserError

from .projects import git, write


def names(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def state(folder):
    """Everything about a repository that a user could notice."""
    words = (["status", "--porcelain"], ["worktree", "list"], ["branch", "--all"], ["stash", "list"])
    said = [subprocess.check_output(["git", "--no-optional-locks", *word], cwd=folder) for word in words]
    return said, sorted((path.as_posix(), path.stat().st_mtime_ns) for path in folder.rglob("*"))


def test_a_revision_and_the_folder_as_it_is(project):
    write(project, "edited\n")
    (project / "new.py").write_text("")
    (project / ".gitignore").write_text("ignored\n")
    (project / "ignored").write_text("")
    known = state(project)
    with trees("HEAD", ".", project) as (before, after):
        assert names(before.folder) == ["train.py"]
        assert "gauss" in (before.folder / "train.py").read_text()
        assert names(after.folder) == [".gitignore", "new.py", "train.py"]
        assert (after.folder / "train.py").read_text() == "edited\n"
        assert before.words.startswith("revision ")
        assert before.digest != after.digest
        place = before.folder.parent
    assert not place.exists()
    assert state(project) == known


def test_the_same_files_have_the_same_digest(project):
    (project / "__pycache__").mkdir()
    (project / "__pycache__" / "a.pyc").write_text("")
    with trees("HEAD", ".", project) as (before, after):
        assert before.digest == after.digest


def test_a_folder_of_a_repository_has_what_is_around_it(project):
    (project / "sub").mkdir()
    (project / "sub" / "a.py").write_text("")
    git(project, "add", "-A")
    git(project, "commit", "-qm", "second")
    with trees("HEAD", ".", project / "sub") as (before, after):
        for tree in (before, after):
            assert tree.inside.rstrip("/") == "sub"
            assert names(tree.folder) == ["sub/a.py", "train.py"]
    with pytest.raises(UserError, match="has no folder sub/"), trees("HEAD~1", ".", project / "sub"):
        pass


def test_folders_without_git(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name / ".venv").mkdir(parents=True)
        (tmp_path / name / ".venv" / "pyvenv.cfg").write_text("")
        (tmp_path / name / ".per-audit").mkdir()
        (tmp_path / name / ".per-audit" / "state").write_text(name)
        (tmp_path / name / "train.py").write_text("")
        (tmp_path / name / "link").symlink_to("train.py")
    with trees("a", "b", tmp_path) as (before, after):
        assert names(before.folder) == ["link", "train.py"]
        assert before.digest == after.digest
        assert (after.folder / "link").readlink() == Path("train.py")


def test_files_that_were_deleted_are_not_there(project):
    (project / "other.py").write_text("")
    (project / "train.py").unlink()
    with trees(".", "HEAD", project) as (before, _):
        assert names(before.folder) == ["other.py"]


@pytest.mark.parametrize("name", ["no-such", "--upload-pack=touch x", "HEAD~5", ""])
def test_what_is_neither(project, name):
    if name:
        with pytest.raises(UserError, match="is neither a folder nor a revision"), trees(name, ".", project):
            pass
    with pytest.raises(UserError, match="git work tree"), trees("HEAD", ".", Path(os.sep)):
        pass


def test_hooks_do_not_run(project):
    hook = project / ".git" / "hooks" / "post-checkout"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\ntouch " + str(project / "hooked"))
    hook.chmod(0o755)
    with trees("HEAD", "HEAD", project):
        pass
    assert not (project / "hooked").exists()
