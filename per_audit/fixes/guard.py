"""A fix starts from committed files, so that its changes can be told from the user's."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from per_audit.errors import UserError
from per_audit.fixes.journal import STATE

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

_SHOWN = 5


def require_clean(root: Path, touched: Collection[str]) -> None:
    """Raise UserError where git knows of changes below `root`, or does not know a file that is to be touched.

    Without git, or outside a work tree, there is nothing to compare with and nothing to refuse.
    """
    dirty = [path for path, is_tracked in _status(root) if is_tracked or path in touched]
    if dirty:
        names = ", ".join(dirty[:_SHOWN]) + (f" and {len(dirty) - _SHOWN} more" if len(dirty) > _SHOWN else "")
        raise UserError(f"not committed in git: {names}; commit or stash first, or use --allow-dirty")


def _status(root: Path) -> list[tuple[str, bool]]:
    """The changed files below `root`, relative to it, each with whether git tracks it."""
    # The state directory holds what `verify` writes; a file system monitor would be a program of the project's choice.
    what = ["--porcelain=v1", "-z", "--untracked-files=all", "--", ".", f":(exclude){STATE}"]
    prefix = _git(root, ["git", "rev-parse", "--show-prefix"])
    status = _git(root, ["git", "--no-optional-locks", "-c", "core.fsmonitor=false", "status", *what])
    if prefix is None or status is None:
        return []
    top = prefix.removesuffix("\n")
    found = []
    entries = iter(status.split("\0"))
    for entry in entries:
        kind, path = entry[:2], entry[3:]
        if not path or kind == "!!":
            continue
        if "R" in kind or "C" in kind:
            next(entries, None)  # the name before
        found.append((path.removeprefix(top), kind != "??"))
    return found


def _git(root: Path, command: list[str]) -> str | None:
    try:
        done = subprocess.run(command, cwd=root, capture_output=True, check=False)
    except OSError:
        return None
    return done.stdout.decode(errors="surrogateescape") if done.returncode == 0 else None
