from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from per_audit.errors import UserError
from per_audit.source import DEFAULT_EXCLUDE, Discovery, Filters, discover, project_root, scan_root


def write(root: Path, *names: str, text: str = "") -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def found(root: Path, *paths: str, **filters: tuple[str, ...]) -> list[str]:
    return list(look(root, *paths, **filters).files)


def look(root: Path, *paths: str, **filters: tuple[str, ...]) -> Discovery:
    return discover(root, [Path(path) for path in paths or (".",)], Filters(root.resolve(), **filters))


def test_python_files_in_order_with_posix_paths(tmp_path: Path) -> None:
    write(tmp_path, "b.py", "a/z.py", "a/with space.py", "a.py", "gui.pyw", "notes.txt", "data.pyc")
    assert found(tmp_path) == ["a.py", "a/with space.py", "a/z.py", "b.py", "gui.pyw"]


def test_iterating_reads_the_bytes(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_bytes(b"x = 1\r\n")
    (file,) = look(tmp_path)
    assert (file.path, file.relative, file.data) == (tmp_path / "a.py", "a.py", b"x = 1\r\n")


@pytest.mark.parametrize("name", ["venv", ".venv", "node_modules", "build", "dist", "site-packages", "__pycache__"])
def test_default_excludes(tmp_path: Path, name: str) -> None:
    write(tmp_path, f"src/{name}/a.py", "src/b.py")
    assert found(tmp_path) == ["src/b.py"]


def test_a_virtual_environment_by_any_name(tmp_path: Path) -> None:
    write(tmp_path, "env/pyvenv.cfg", "env/lib/a.py", "env2/b.py")
    assert found(tmp_path) == ["env2/b.py"]


def test_exclude_replaces_the_defaults_and_include_adds_suffixes(tmp_path: Path) -> None:
    write(tmp_path, "build/a.py", "old/b.py", "tool.cgi", "c.py")
    assert found(tmp_path, exclude=("old/",)) == ["build/a.py", "c.py"]
    assert found(tmp_path, exclude=(*DEFAULT_EXCLUDE, "/c.py")) == ["old/b.py"]
    assert found(tmp_path, include=("*.cgi",)) == ["tool.cgi"]


def test_gitignore_at_every_level(tmp_path: Path) -> None:
    write(tmp_path, "top.py", "gen/a.py", "sub/gen/b.py", "sub/keep.py", "sub/drop.py", "sub/deep/drop.py")
    (tmp_path / ".gitignore").write_text("/gen/\n# a comment\ndrop.py\n")
    (tmp_path / "sub" / ".gitignore").write_text("!/drop.py\n")
    assert found(tmp_path) == ["sub/drop.py", "sub/gen/b.py", "sub/keep.py", "top.py"]


def test_gitignore_of_parents_up_to_the_repository(tmp_path: Path) -> None:
    write(tmp_path, ".gitignore", text="outer.py\n")
    write(tmp_path, "repo/sub/a.py", "repo/sub/local.py", "repo/sub/excluded.py", "repo/sub/outer.py")
    write(tmp_path, "repo/.gitignore", text="local.py\n")
    write(tmp_path, "repo/.git/info/exclude", text="/sub/excluded.py\n")
    assert found(tmp_path / "repo" / "sub") == ["a.py", "outer.py"]


def test_exclude_file_of_a_linked_work_tree(tmp_path: Path) -> None:
    write(tmp_path, "main/.git/info/exclude", text="secret.py\n")
    write(tmp_path, "main/.git/worktrees/w/commondir", text="../..\n")
    write(tmp_path, "w/.git", text=f"gitdir: {tmp_path}/main/.git/worktrees/w\n")
    write(tmp_path, "w/secret.py", "w/a.py")
    assert found(tmp_path / "w") == ["a.py"]


def test_lines_that_are_no_pattern_are_passed_over(tmp_path: Path) -> None:
    write(tmp_path, "a.py", "b.py")
    (tmp_path / ".gitignore").write_bytes(b"\xef\xbb\xbfb.py\r\n!\n\xff\xfe\n")
    assert found(tmp_path) == ["a.py"]


def test_what_is_named_is_read_even_where_it_is_ignored(tmp_path: Path) -> None:
    write(tmp_path, "build/a.py", "build/__pycache__/b.py", "gen/c.py", "gen/skip.py", "script")
    write(tmp_path, ".gitignore", text="gen/\n")
    write(tmp_path, "gen/.gitignore", text="skip.py\n")
    assert found(tmp_path, "build") == ["build/a.py"]
    assert found(tmp_path, "gen") == ["gen/c.py"]
    assert found(tmp_path, "gen/skip.py", "script") == ["gen/skip.py", "script"]


def test_overlapping_paths_count_once(tmp_path: Path) -> None:
    write(tmp_path, "a/b.py")
    assert found(tmp_path, "a", ".", "a/b.py") == ["a/b.py"]


def test_links_that_lead_out_are_not_followed(tmp_path: Path) -> None:
    write(tmp_path, "elsewhere/secret.py", "project/a.py")
    (tmp_path / "project" / "dir").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "project" / "file.py").symlink_to(tmp_path / "elsewhere" / "secret.py")
    discovery = look(tmp_path / "project")
    assert list(discovery.files) == ["a.py"]
    assert [(n.path, n.kind) for n in discovery.notices] == [("dir", "link-outside"), ("file.py", "link-outside")]


def test_links_inside_count_once_under_the_real_name(tmp_path: Path) -> None:
    write(tmp_path, "real/a.py", "shared/b.py", "scanned/c.py")
    (tmp_path / "alias").symlink_to("real")
    (tmp_path / "also.py").symlink_to("real/a.py")
    (tmp_path / "scanned" / "link").symlink_to("../shared")
    assert found(tmp_path) == ["real/a.py", "scanned/c.py", "shared/b.py"]
    assert found(tmp_path, "scanned") == ["scanned/c.py", "shared/b.py"]


def test_circles_and_dangling_links(tmp_path: Path) -> None:
    write(tmp_path, "a/b/c.py")
    (tmp_path / "a" / "b" / "up").symlink_to("../..")
    (tmp_path / "self.py").symlink_to("self.py")
    (tmp_path / "gone.py").symlink_to("nowhere.py")
    discovery = look(tmp_path)
    assert list(discovery.files) == ["a/b/c.py"]
    assert [(n.path, n.kind) for n in discovery.notices] == [("gone.py", "broken-link"), ("self.py", "broken-link")]


def test_pipes_are_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.py")
    (tmp_path / "link.py").symlink_to("pipe.py")
    assert found(tmp_path) == []
    with pytest.raises(UserError, match="neither a file nor a directory"):
        look(tmp_path, "pipe.py")


@contextmanager
def without_superuser_rights() -> Iterator[None]:
    """The superuser may read everything; nobody may not."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_unreadable_files_and_directories_are_notices() -> None:
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        root.chmod(0o755)
        write(root, "a.py", "secret.py", "closed/b.py")
        (root / "secret.py").chmod(0)
        (root / "closed").chmod(0)
        with without_superuser_rights():
            discovery = look(root)
            read = [file.relative for file in discovery]
        (root / "closed").chmod(0o755)
    assert read == ["a.py"]
    assert [(n.path, n.kind, n.message) for n in discovery.notices] == [
        ("closed", "unreadable-directory", "not read: permission denied"),
        ("secret.py", "unreadable-file", "not read: permission denied"),
    ]


def test_paths_that_make_no_sense(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"nowhere: no such file or directory; check"):
        look(tmp_path, "nowhere")
    with pytest.raises(UserError, match="lies outside"):
        look(tmp_path, "..")


def test_scan_root(tmp_path: Path) -> None:
    write(tmp_path, "here/sub/a.py", "there/b.py", "there/c/d.py")
    here = tmp_path / "here"
    assert scan_root([], here) == here
    assert scan_root([Path("sub"), Path("sub/a.py")], here) == here
    assert scan_root([tmp_path / "there"], here) == tmp_path / "there"
    assert scan_root([tmp_path / "there" / "b.py"], here) == tmp_path / "there"
    assert scan_root([tmp_path / "there" / "c", tmp_path / "there" / "b.py"], here) == tmp_path / "there"
    assert scan_root([Path("sub"), tmp_path / "there"], here) == tmp_path


@pytest.mark.parametrize("mark", ["pyproject.toml", ".git", "setup.py"])
def test_project_root(tmp_path: Path, mark: str) -> None:
    write(tmp_path, f"p/{mark}", "p/q/r/a.py")
    assert project_root(tmp_path / "p" / "q" / "r" / "a.py") == tmp_path / "p"
    assert project_root(tmp_path / "p" / "q" / "r") == tmp_path / "p"
