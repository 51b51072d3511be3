"""From the paths that a user names to files with Python in them."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from per_audit.errors import UserError
from per_audit.findings import Notice
from per_audit.source.filters import Chain, Filters, Ignores

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from per_audit.source.layout import Layout

# How the files begin that `per-audit fix` copies into a project: they are not the project's own.
COPY_MARK = b"# Copied by per-audit"


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file as it lies on the disk; `relative` is its POSIX path below the root.

    As a module (see `as_module`), `data` is the Python in it, `layout` says where its lines stand in the file, None
    where the file is that Python, and `notices` tell what was left out: `left_out`, of which words can be read.
    """

    path: Path
    relative: str
    data: bytes
    layout: Layout | None = None
    notices: tuple[Notice, ...] = ()
    left_out: bytes = b""


class Discovery:
    """The files that were found, in the order of their relative paths. Iterating reads them, one at a time.

    `overlay` gives files, by such paths, other contents than those on the disk.
    """

    def __init__(self, root: Path, paths: Collection[str], notices: list[Notice], overlay: Mapping[str, bytes]) -> None:
        self.paths = sorted(paths)
        self.notices = notices
        self._root = root
        self._overlay = overlay

    @property
    def files(self) -> dict[str, Path]:
        """The files by their POSIX paths below the root."""
        return {path: self._root / path for path in self.paths}

    def __len__(self) -> int:
        return len(self.paths)

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
    return Discovery(walk.root, walk.found.union(overlay), walk.notices, overlay)


class _Walk:
    def __init__(self, root: Path, filters: Filters) -> None:
        self.root = root
        self.found: set[str] = set()
        self.notices: list[Notice] = []
        self._prefix = root.as_posix().rstrip("/") + "/"
        self._ignores = Ignores(root, filters)
        self._visited: set[str] = set()

    def add(self, named: Path) -> None:
        """Take in a path that the user named."""
        path = (self.root / named).resolve()
        if not path.is_relative_to(self.root):
            raise UserError(f"{named}: lies outside {self.root}; scan it on its own, or from a directory above both")
        if path.is_dir():
            self._directories(path)
        elif path.is_file():
            self._keep(path.as_posix())
        elif path.exists():
            raise UserError(f"{named}: neither a file nor a directory; name a Python file or a directory")
        else:
            raise UserError(f"{named}: no such file or directory; check the spelling and the current directory")

    def _directories(self, named: Path) -> None:
        waiting: list[tuple[str, Chain | None, Chain]] = [(named.as_posix(), self._ignores.start(named), ())]
        while waiting:
            # The chain of a directory, or that of the one around it, over which its own patterns are still to come.
            directory, own, around = waiting.pop()
            if directory in self._visited:
                continue
            self._visited.add(directory)
            try:
                with os.scandir(directory) as listing:
                    entries = sorted(listing, key=lambda entry: entry.name)
            except OSError as error:
                self._notice(directory, "unreadable-directory", _reason(error))
                continue
            names = {entry.name for entry in entries}
            if "pyvenv.cfg" in names and directory != named.as_posix():
                continue  # a virtual environment, whatever it is called
            if own is None:
                own = self._ignores.inside(around, directory) if ".gitignore" in names else around
            prefix = directory.rstrip("/") + "/"
            for entry in entries:
                path = prefix + entry.name
                if entry.is_symlink():
                    if (target := self._link(Path(path), own)) is not None:
                        waiting.append((target[0].as_posix(), target[1], ()))
                elif self._is_kept(path, entry, own):
                    waiting.append((path, None, own))

    def _is_kept(self, path: str, entry: os.DirEntry[str], chain: Chain) -> bool:
        """Whether it is a directory that is to be walked; a file that is wanted is kept."""
        if entry.is_dir(follow_symlinks=False):
            return not self._ignores.ignored(chain, path, is_directory=True)
        if entry.is_file(follow_symlinks=False) and self._wanted(path, chain):
            self._keep(path)
        return False

    def _link(self, path: Path, chain: Chain) -> tuple[Path, Chain] | None:
        """A link is what it points to, under that name, so that no file is audited twice; never outside the root."""
        try:
            target = path.resolve(strict=True)
            mode = target.stat().st_mode
        except (OSError, RuntimeError):  # dangling, or a circle of links
            if self._wanted(path.as_posix(), chain):
                self._notice(path.as_posix(), "broken-link", "the symbolic link points to nothing")
            return None
        is_directory = stat.S_ISDIR(mode)
        if self._ignores.ignored(chain, path.as_posix(), is_directory):
            return None
        if not is_directory and not (stat.S_ISREG(mode) and self._wanted(path.as_posix(), chain)):
            return None
        if not target.is_relative_to(self.root):
            message = "not followed: the symbolic link leads out of the scanned directory"
            self._notice(path.as_posix(), "link-outside", message)
            return None
        below = self._ignores.descend(target if is_directory else target.parent)
        if below is None:
            return None
        if is_directory:
            return target, below
        self._keep(target.as_posix())
        return None

    def _wanted(self, path: str, chain: Chain) -> bool:
        return self._ignores.include.verdict(path, False) is True and not self._ignores.ignored(chain, path, False)

    def _keep(self, path: str) -> None:
        self.found.add(path.removeprefix(self._prefix))

    def _notice(self, path: str, kind: str, message: str) -> None:
        inner = Path(path).relative_to(self.root).as_posix()
        self.notices.append(Notice(inner, 1, kind, message))


def _reason(error: OSError) -> str:
    return f"not read: {(error.strerror or str(error)).lower()}"
