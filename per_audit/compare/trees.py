"""The two states of a project that are compared, each as files of its own that runs can be started in."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from per_audit.errors import UserError, in_a_line

if TYPE_CHECKING:
    from collections.abc import Iterator

_GIT = ("git", "--no-pager", "--no-optional-locks", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null")
_STATE = ".per-audit"
_NOT_COPIED = {".git", _STATE, "__pycache__", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".tox", "node_modules"}


@dataclass(frozen=True)
class Tree:
    """The files of one arm: `folder` holds them, `inside` is the folder in it that the command is run in.

    `name` is what the user wrote, `words` what it stands for, `digest` the sha256 of the files.
    """

    name: str
    words: str
    folder: Path
    inside: str
    digest: str


@contextmanager
def trees(before: str, after: str, here: Path) -> Iterator[tuple[Tree, Tree]]:
    """The files of `before` and `after`, each a folder or a revision of the repository that `here` is in.

    They are copies in a temporary folder, which is removed at the end; the user's files and repository are only read.
    Raises UserError for what is neither.
    """
    place = Path(tempfile.mkdtemp(prefix="per-audit-compare-")).resolve()
    try:
        yield _tree(before, place / "before", here), _tree(after, place / "after", here)
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _tree(name: str, place: Path, here: Path) -> Tree:
    folder = (here / name).resolve()
    if folder.is_dir():
        words, inside = _copy_folder(folder, place, here)
    else:
        words, inside = _check_out(name, place, here)
    if not (place / inside).is_dir():
        raise UserError(f"{name}: has no folder {inside}, where you are; change to a folder that both states have")
    return Tree(name, words, place, inside, _digest(place))


def _check_out(name: str, place: Path, here: Path) -> tuple[str, str]:
    """Write the files of a revision by an index of their own, which leaves no trace in the repository."""
    unknown = f"{name}: is neither a folder nor a revision that git knows here; name a folder, branch, tag or commit"
    top = _git(here, "rev-parse", "--show-toplevel", problem=f"{unknown}; {here} is in no git work tree").rstrip("\n")
    if name.startswith("-"):
        raise UserError(unknown)
    commit = _git(here, "rev-parse", "--verify", "--quiet", f"{name}^{{commit}}", problem=unknown).strip()
    inside = _git(here, "rev-parse", "--show-prefix", problem=unknown).rstrip("\n")
    place.mkdir()
    index = {"GIT_INDEX_FILE": str(place.with_suffix(".index"))}
    _git(Path(top), "read-tree", commit, problem=unknown, **index)
    words = ("checkout-index", "--all", "--quiet", f"--prefix={place}{os.sep}")
    _git(Path(top), *words, problem=f"{name}: its files cannot be written", **index)
    return f"revision {commit[:12]}", inside


def _copy_folder(folder: Path, place: Path, here: Path) -> tuple[str, str]:
    """Copy what git does not ignore, and everything where git is not used.

    The current folder stands for the whole work tree that it is in, so that it has the files that a revision has.
    """
    top, inside = folder, ""
    if folder == here.resolve():
        shown = _ask_git(folder, "rev-parse", "--show-toplevel", "--show-prefix")
        if shown is not None:
            first, _, rest = shown.partition("\n")
            top, inside = Path(first), rest.rstrip("\n")
    listed = _ask_git(top, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    place.mkdir()
    try:
        if not listed:  # no repository, or a folder that one ignores
            shutil.copytree(top, place, symlinks=True, ignore=_left_out, dirs_exist_ok=True)
        else:
            for name in sorted(set(listed.split("\0")) - {""}):
                if _NOT_COPIED.isdisjoint(Path(name).parts):
                    _copy(top / name, place / name)
    except (OSError, shutil.Error) as error:
        raise UserError(
            f"{folder}: cannot be copied ({in_a_line(error)}); make it readable, or name another"
        ) from error
    return f"folder {folder} as it is", inside


def _left_out(folder: str, names: list[str]) -> set[str]:
    environments = {name for name in names if Path(folder, name, "pyvenv.cfg").exists()}
    return environments | (_NOT_COPIED & set(names))


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir() and not source.is_symlink():  # a submodule
        shutil.copytree(source, target, symlinks=True, ignore=_left_out)
    elif source.exists() or source.is_symlink():  # git lists what was deleted and not committed
        shutil.copy2(source, target, follow_symlinks=False)


def _digest(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        if _NOT_COPIED.isdisjoint(name.parts) and (path.is_symlink() or path.is_file()):
            content = os.fsencode(path.readlink()) if path.is_symlink() else path.read_bytes()
            digest.update(f"{name.as_posix()}\0{len(content)}\0".encode("utf-8", "surrogateescape") + content)
    return digest.hexdigest()


def _git(folder: Path, *arguments: str, problem: str, **environment: str) -> str:
    """What git prints. Raises UserError with `problem` where it fails."""
    said = _ask_git(folder, *arguments, **environment)
    if said is None:
        raise UserError(problem)
    return said


def _ask_git(folder: Path, *arguments: str, **environment: str) -> str | None:
    """What git prints, or None where it fails or is missing."""
    try:
        done = subprocess.run(
            [*_GIT, *arguments], cwd=folder, capture_output=True, check=False, env={**os.environ, **environment}
        )
    except OSError:
        return None
    return done.stdout.decode(errors="surrogateescape") if done.returncode == 0 else None
