"""The lines that have changed since a git revision, and whether a finding touches them."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from per_audit.errors import UserError, in_a_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from per_audit.findings import Finding, Place

_HUNK = re.compile(r"@@ -\d+(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")
# The same output whatever the user's configuration says, and no program of the project's choice.
_GIT = ("git", "--no-pager", "--no-optional-locks", "-c", "core.fsmonitor=false", "-c", "core.quotePath=true")
_DIFF = (
    "diff",
    "--no-color",
    "--no-ext-diff",
    "--no-textconv",
    "--ignore-submodules=all",
    "--src-prefix=a/",
    "--dst-prefix=b/",
)
_ONLY_CHANGED_LINES = ("--find-renames", "--unified=0", "--inter-hunk-context=0")

_NO_REPOSITORY = "--since needs a git work tree; run it inside one, or leave --since out"
_UNKNOWN = "--since: {0!r} is no revision that git knows here; name a branch, a tag or a commit, and fetch it first"
_UNRELATED = "--since: {0!r} and HEAD have no common commit; fetch the whole history (fetch-depth: 0 in CI)"


class Changes:
    """The changed lines of the files below `root`: ranges from one line to another, None for a whole new file."""

    def __init__(self, root: Path, revision: str) -> None:
        """Ask git what differs between the work tree and the commit where `revision` and HEAD part.

        Uncommitted changes count, and so do files that git does not track yet. Raises UserError where `root` is in no
        git work tree or there is no such revision.
        """
        top = Path(_git(root, "rev-parse", "--show-toplevel", problem=_NO_REPOSITORY).rstrip("\n")).resolve()
        unknown = _UNKNOWN.format(revision)
        if revision.startswith("-"):
            raise UserError(unknown)
        commit = _git(top, "rev-parse", "--verify", f"{revision}^{{commit}}", problem=unknown).strip()
        base = _git(top, "merge-base", commit, "HEAD", problem=_UNRELATED.format(revision)).strip()
        self._root = root.resolve()
        self._lines: dict[Path, list[tuple[int, int]] | None] = {}
        for name, first, last in _hunks(_git(top, *_DIFF, *_ONLY_CHANGED_LINES, base, "--")):
            ranges = self._lines.setdefault(top / name, [])
            if ranges is not None:
                ranges.append((first, last))
        self._lines |= dict.fromkeys(top / name for name in _whole(top, base))

    def touch(self, finding: Finding) -> bool:
        """Whether the finding's range or a link of its evidence has a changed line."""
        return any(map(self._changed, (finding.place, *(link.place for link in finding.evidence))))

    def _changed(self, place: Place) -> bool:
        path = self._root / place.path
        if path not in self._lines:
            return False
        ranges = self._lines[path]
        # The lines of a notebook's cells are not those of its file.
        if ranges is None or place.cell is not None:
            return True
        return any(first <= place.end_line and place.line <= last for first, last in ranges)


def _git(directory: Path, *arguments: str, problem: str = "--since") -> str:
    try:
        done = subprocess.run([*_GIT, *arguments], cwd=directory, capture_output=True, check=False)
    except OSError as error:
        raise UserError(f"--since needs git, which cannot be run ({in_a_line(error)}); install it") from error
    if done.returncode != 0:
        said = " ".join(done.stderr.decode(errors="replace").split())
        raise UserError(f"{directory}: {problem}" + (f" (git: {said})" if said else ""))
    return done.stdout.decode(errors="surrogateescape")


def _whole(top: Path, base: str) -> Iterator[str]:
    """The files that count as changed from top to bottom: untracked ones, and those that git takes for binary."""
    for path in _git(top, "ls-files", "--others", "--exclude-standard", "-z").split("\0"):
        if path:
            yield path
    for line in _git(top, *_DIFF, "--no-renames", "--numstat", "-z", base, "--").split("\0"):
        added, _, path = line.partition("\t")
        if added == "-":
            yield path.partition("\t")[2]


def _hunks(diff: str) -> Iterator[tuple[str, int, int]]:
    """The path, first and last line of each change, by the numbers of the new file.

    Where lines were only removed, the lines before and behind the gap are the changed ones.
    """
    path = None
    skip = 0
    for line in diff.split("\n"):
        if skip and line[:1] in ("+", "-"):
            skip -= 1  # what stands in the files may look like a header
        elif line.startswith("+++ "):
            path = _path(line[4:])
        elif hunk := _HUNK.match(line):
            removed, start, added = (int(group or 1) for group in hunk.groups())
            skip = removed + added
            if path is not None:
                yield path, start, start + (added - 1 if added else 1)


def _path(name: str) -> str | None:
    """The path behind `+++ `: quoted as in C where it has unusual characters; None where the file was removed."""
    if name.startswith('"'):
        name = ast.literal_eval("b" + name).decode(errors="surrogateescape")
    else:
        name = name.removesuffix("\t")
    return name.removeprefix("b/") if name != "/dev/null" else None
