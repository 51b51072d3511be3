"""From the paths that a user names to files with Python in them."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING

from per_audit.errors import UserError
from per_audit.findings import Notice
from per_audit.source.filters import Chain, Filters, Ignores

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from per_audit.source.layout import Layout

# How the files begin that `per-audit fix` copies into a project: they are not the project's own.
COPY_MARK = b"# Copied by per-audit"


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file as it lies on the disk; `relative` is its POSIX path below the root.

    As a module (see `as_module`), `data` is the Python in it, `layout` says where its lines stand in the file, None
    where the file is that Python, and `notices` tell what was left out.
    """

    path: Path
    relative: str
    data: bytes
    layout: Layout | None = None
    notices: tuple[Notice, ...] = ()


class Discovery:
    """The files that were found, in the order of their relative paths. Iterating reads them, one at a time.

    `overlay` gives files, by such paths, other contents than those on the disk.
    """

    def __init__(self, files: dict[str, Path], notices: list[Notice], overlay: Mapping[str, bytes]) -> None:
        self.files = dict(sorted(files.items()))
        self.notices = notices
        self._overlay = overlay

    def __len__(self) -> int:
        return len(self.files)

    def __iter__(self) -> Iterator[SourceFile]:
        for relative, path in self.files.items():
            data = self._read(relative, path)
            if data is not None:
                yield SourceFile(path, relative, data)

    def _read(self, relative: str, path: Path) -> bytes | None:
        if relative in self._overlay:
            return self._overlay[relative]
        try:
            return path.read_bytes()
        except OSError as error:
            self.notices.append(Notice(relative, 1, "unreadable-file", _reason(error)))
            return None


def discover(
    root: Path, paths: Sequence[Path], filters: Filters, overlay: Mapping[str, bytes] | None = None
) -> Discovery:
    """The files with Python in them at and below `paths`, all of which lie in `root`.

    A file or directory that is named is looked at even where git or the settings ignore it, and so are the files of
    `overlay`, which need not exist. Raises UserError for a path that does not exist or lies outside the root.
    """
    walk = _Walk(root.resolve(), filters)
    for path in paths:
        walk.add(path)
    overlay = overlay or {}
    return Discovery({path: walk.root / path for path in overlay} | walk.found, walk.notices, overlay)


class _Walk:
    def __init__(self, root: Path, filters: Filters) -> None:
        self.root = root
        self.found: dict[str, Path] = {}
        self.notices: list[Notice] = []
        self._ignores = Ignores(root, filters)
        self._visited: set[Path] = set()

    def add(self, named: Path) -> None:
        """Take in a path that the user named."""
        path = (self.root / named).resolve()
        if not path.is_relative_to(self.root):
            raise UserError(f"{named}: lies outside {self.root}; scan it on its own, or from a directory above both")
        if path.is_dir():
            self._directories(path)
        elif path.is_file():
            self._keep(path)
        elif path.exists():
            raise UserError(f"{named}: neither a file nor a directory; name a Python file or a directory")
        else:
            raise UserError(f"{named}: no such file or directory; check the spelling and the current directory")

    def _directories(self, named: Path) -> None:
        waiting = [(named, self._ignores.start(named))]
        while waiting:
            directory, chain = waiting.pop()
            if directory in self._visited:
                continue
            self._visited.add(directory)
            try:
                with os.scandir(directory) as listing:
                    entries = sorted(listing, key=lambda entry: entry.name)
            except OSError as error:
                self._notice(directory, "unreadable-directory", _reason(error))
                continue
            if directory != named and any(entry.name == "pyvenv.cfg" for entry in entries):
                continue  # a virtual environment, whatever it is called
            for entry in entries:
                child = self._entry(directory / entry.name, entry, chain)
                if child is not None:
                    waiting.append(child)

    def _entry(self, path: Path, entry: os.DirEntry[str], chain: Chain) -> tuple[Path, Chain] | None:
        """Keep a file; hand back a directory that is to be walked, with its patterns."""
        if entry.is_symlink():
            return self._link(path, chain)
        if entry.is_dir(follow_symlinks=False):
            if self._ignores.ignored(chain, path.as_posix(), is_directory=True):
                return None
            return path, self._ignores.inside(chain, path)
        if entry.is_file(follow_symlinks=False) and self._wanted(path, chain):
            self._keep(path)
        return None

    def _link(self, path: Path, chain: Chain) -> tuple[Path, Chain] | None:
        """A link is what it points to, under that name, so that no file is audited twice; never outside the root."""
        try:
            target = path.resolve(strict=True)
            mode = target.stat().st_mode
        except (OSError, RuntimeError):  # dangling, or a circle of links
            if self._wanted(path, chain):
                self._notice(path, "broken-link", "the symbolic link points to nothing")
            return None
        is_directory = stat.S_ISDIR(mode)
        if self._ignores.ignored(chain, path.as_posix(), is_directory):
            return None
        if not is_directory and not (stat.S_ISREG(mode) and self._wanted(path, chain)):
            return None
        if not target.is_relative_to(self.root):
            self._notice(path, "link-outside", "not followed: the symbolic link leads out of the scanned directory")
            return None
        below = self._ignores.descend(target if is_directory else target.parent)
        if below is None:
            return None
        if is_directory:
            return target, below
        self._keep(target)
        return None

    def _wanted(self, path: Path, chain: Chain) -> bool:
        name = path.as_posix()
        return self._ignores.include.verdict(name, False) is True and not self._ignores.ignored(chain, name, False)

    def _keep(self, path: Path) -> None:
        self.found[path.relative_to(self.root).as_posix()] = path

    def _notice(self, path: Path, kind: str, message: str) -> None:
        self.notices.append(Notice(path.relative_to(self.root).as_posix(), 1, kind, message))


def _reason(error: OSError) -> str:
    return f"not read: {(error.strerror or str(error)).lower()}"
