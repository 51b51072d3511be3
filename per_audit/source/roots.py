"""Which directory reported paths are relative to, and which one a project's own state belongs to."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_PROJECT_MARKS = ("pyproject.toml", ".git", "setup.py", ".per-audit")


def scan_root(paths: Sequence[Path], cwd: Path | None = None) -> Path:
    """The directory that reported paths are relative to.

    It is the current directory where all paths lie in it, else the deepest directory that holds them all.
    """
    here = (cwd or Path.cwd()).resolve()
    named = [(here / path).resolve() for path in paths] or [here]
    if all(path.is_relative_to(here) for path in named):
        return here
    directories = [path if path.is_dir() else path.parent for path in named]
    try:
        return Path(os.path.commonpath(directories))
    except ValueError:  # two drives of a Windows machine have nothing in common
        return directories[0]


def project_root(path: Path) -> Path:
    """The nearest directory at or above `path` that looks like a project, else the directory of `path` itself."""
    start = path.resolve()
    return marked_root(start) or (start if start.is_dir() else start.parent)


def marked_root(path: Path) -> Path | None:
    """The nearest directory at or above `path` that looks like a project, None without one."""
    marked = (
        directory
        for directory in upwards(path.resolve())
        if any((directory / mark).exists() for mark in _PROJECT_MARKS)
    )
    return next(marked, None)


def repository_top(directory: Path) -> Path | None:
    """The top of the git work tree that `directory` lies in."""
    return next((above for above in upwards(directory) if (above / ".git").exists()), None)


def upwards(directory: Path) -> Iterator[Path]:
    """`directory`, its parent, and so on up to the top of the file system."""
    yield directory
    yield from directory.parents


def is_packaged(directory: Path) -> bool:
    """Whether what lies in the directory can be built and installed, to be used by other programs, or has been.

    What was unpacked of a wheel lies beside the wheel's own folder.
    """
    if (directory / "setup.py").is_file() or any(directory.glob("*.dist-info")):
        return True
    try:
        return b"[build-system]" in (directory / "pyproject.toml").read_bytes()
    except OSError:
        return False
