from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from per_audit.errors import UserError
from per_audit.findings import Evidence, Finding, Place, Severity
from per_audit.team import changes
from per_audit.team.changes import Changes


def git(root: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=x", "-c", "user.email=x@example.org", "-c", "commit.gpgsign=false"]
    done = subprocess.run(["git", *identity, *arguments], cwd=root, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def numbered(count: int = 9) -> str:
    return "".join(f"line {number}\n" for number in range(1, count + 1))


def commit(root: Path, **contents: str) -> str:
    for name, text in contents.items():
        (root / f"{name}.py").write_text(text)
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "x", "--allow-empty")
    return git(root, "rev-parse", "HEAD")


@pytest.fixture
def repository(project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    git(project, "init", "-q", "-b", "main")
    commit(project, a=numbered(), b=numbered())
    return project


def finding(place: Place, *evidence: Place) -> Finding:
    links = tuple(Evidence(link, "draw", "") for link in evidence)
    return Finding("PER001", "x", Severity.ERROR, "high", "m", place, "s", links)


def touched(root: Path, revision: str, path: str, count: int = 9) -> list[int]:
    """The lines of a file that have changed."""
    found = Changes(root, revision)
    return [n for n in range(1, count + 1) if found.touch(finding(Place(path, n, 1, n, 5)))]


def test_nothing_has_changed(repository: Path) -> None:
    assert touched(repository, "main", "a.py") == []


def test_committed_staged_and_other_changes_count(repository: Path) -> None:
    git(repository, "switch", "-q", "-c", "work")
    commit(repository, a=numbered().replace("line 2\n", "changed\n"))
    path = repository / "a.py"
    path.write_text(path.read_text().replace("line 5\n", "staged\n"))
    git(repository, "add", "a.py")
    path.write_text(path.read_text().replace("line 8\n", "new 8\nnew 9\n"))
    assert touched(repository, "main", "a.py", 10) == [2, 5, 8, 9]
    assert touched(repository, "main", "b.py") == []
    assert touched(repository, "HEAD", "a.py", 10) == [5, 8, 9]


def test_only_what_this_branch_changed(repository: Path) -> None:
    git(repository, "switch", "-q", "-c", "work")
    commit(repository, a=numbered().replace("line 2\n", "changed\n"))
    git(repository, "switch", "-q", "main")
    commit(repository, b=numbered().replace("line 4\n", "changed on main\n"))
    git(repository, "switch", "-q", "work")
    assert touched(repository, "main", "a.py") == [2]
    assert touched(repository, "main", "b.py") == []


def test_where_lines_went_the_neighbours_have_changed(repository: Path) -> None:
    (repository / "a.py").write_text(numbered().replace("line 4\nline 5\n", ""))
    (repository / "b.py").write_text(numbered().replace("line 1\n", ""))
    assert touched(repository, "HEAD", "a.py") == [3, 4]
    assert touched(repository, "HEAD", "b.py") == [1]


def test_untracked_files_have_changed_from_top_to_bottom_and_ignored_ones_have_not(repository: Path) -> None:
    (repository / ".gitignore").write_text("ignored.py\n")
    (repository / "new one.py").write_text(numbered())
    (repository / "ignored.py").write_text(numbered())
    assert touched(repository, "HEAD", "new one.py") == list(range(1, 10))
    assert touched(repository, "HEAD", "ignored.py") == []


def test_a_renamed_file_has_changed_only_where_it_was_edited(repository: Path) -> None:
    git(repository, "mv", "a.py", "moved.py")
    (repository / "moved.py").write_text(numbered().replace("line 7\n", "changed\n"))
    assert touched(repository, "HEAD", "moved.py") == [7]


@pytest.mark.parametrize("name", ["with space", "tab\tin it", 'quo"ted', "back\\slash", "\xe4\u4e16", "b"])
def test_unusual_names(repository: Path, name: str) -> None:
    commit(repository, **{name: numbered()})
    (repository / f"{name}.py").write_text(numbered().replace("line 3\n", "changed\n"))
    assert touched(repository, "HEAD", f"{name}.py") == [3]


def test_lines_that_look_like_headers_of_a_diff(repository: Path) -> None:
    commit(repository, a="-- a/x\n++ b/b.py\n@@ -1 +1 @@\n", z=numbered())
    (repository / "a.py").write_text("++ b/z.py\n@@ -1,9 +1,9 @@\n")
    (repository / "b.py").unlink()
    (repository / "z.py").write_text(numbered() + "last\n")
    assert touched(repository, "HEAD", "a.py") == [1, 2]
    assert touched(repository, "HEAD", "z.py", 10) == [10]


def test_the_users_configuration_of_git_changes_nothing(repository: Path) -> None:
    for key, value in {
        "diff.noprefix": "true",
        "diff.interHunkContext": "9",
        "diff.context": "9",
        "diff.external": "false",
        "diff.renames": "false",
        "color.ui": "always",
        "core.quotePath": "false",
        "diff.relative": "true",
    }.items():
        git(repository, "config", key, value)
    git(repository, "mv", "a.py", "\xe4.py")
    (repository / "\xe4.py").write_text(numbered().replace("line 3\n", "x\n").replace("line 6\n", "y\n"))
    assert touched(repository, "HEAD", "\xe4.py") == [3, 6]


def test_what_git_takes_for_binary_has_changed_from_top_to_bottom(repository: Path) -> None:
    (repository / ".gitattributes").write_text("a.py binary\n")
    (repository / "a.py").write_text(numbered() + "more\n")
    assert touched(repository, "HEAD", "a.py") == list(range(1, 10))


def test_a_notebook_has_changed_as_a_whole(repository: Path) -> None:
    (repository / "n.ipynb").write_text("{\n}\n")
    git(repository, "add", "-A")
    git(repository, "commit", "-q", "-m", "x")
    in_a_cell = finding(Place("n.ipynb", 9, 1, 9, 5, cell=2))
    assert not Changes(repository, "HEAD").touch(in_a_cell)
    (repository / "n.ipynb").write_text("{\n\n}\n")
    assert Changes(repository, "HEAD").touch(in_a_cell)


def test_the_range_and_every_link_of_the_evidence_count(repository: Path) -> None:
    (repository / "a.py").write_text(numbered().replace("line 5\n", "changed\n"))
    found = Changes(repository, "HEAD")
    assert found.touch(finding(Place("a.py", 2, 1, 6, 3)))
    assert not found.touch(finding(Place("a.py", 6, 1, 9, 3)))
    assert found.touch(finding(Place("b.py", 1, 1, 1, 3), Place("b.py", 2, 1, 2, 2), Place("a.py", 5, 1, 5, 2)))
    assert not found.touch(finding(Place("b.py", 1, 1, 1, 3), Place("b.py", 5, 1, 5, 2)))


def test_paths_are_relative_to_the_root_whatever_part_of_the_repository_it_is(repository: Path) -> None:
    (repository / "sub dir").mkdir()
    commit(repository, **{"sub dir/c": numbered()})
    (repository / "sub dir" / "c.py").write_text(numbered().replace("line 5\n", "changed\n"))
    assert touched(repository, "HEAD", "sub dir/c.py") == [5]
    assert touched(repository / "sub dir", "HEAD", "c.py") == [5]


def test_no_repository(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(project.parent))
    with pytest.raises(UserError, match=r"project: --since needs a git work tree; .*git: fatal: not a git repository"):
        Changes(project, "main")


@pytest.mark.parametrize("revision", ["nowhere", "--all", "HEAD~9", "HEAD:a.py", ""])
def test_unknown_revisions(repository: Path, revision: str) -> None:
    with pytest.raises(UserError, match=r"--since: '.*' is no revision that git knows here; name a branch"):
        Changes(repository, revision)


def test_a_repository_without_a_commit(project: Path) -> None:
    git(project, "init", "-q", "-b", "main")
    with pytest.raises(UserError, match="'HEAD' is no revision"):
        Changes(project, "HEAD")


def test_unrelated_histories(repository: Path) -> None:
    git(repository, "switch", "-q", "--orphan", "other")
    commit(repository, c="x = 1\n")
    with pytest.raises(UserError, match="'main' and HEAD have no common commit; fetch the whole history"):
        Changes(repository, "main")


def test_git_is_missing(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "_GIT", ("no-such-git",))
    with pytest.raises(UserError, match="--since needs git, which cannot be run"):
        Changes(repository, "HEAD")
