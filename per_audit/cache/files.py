"""The contents of files by their status, so that what did not change is not read again."""

from __future__ import annotations

import marshal
import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from per_audit.cache.store import digest
from per_audit.source import project_root

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from per_audit.cache.store import Store

# A file system's clock may be this coarse: of a file changed so short ago the status does not tell a later change.
_RECENT = 2_000_000_000
Status = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The state of a tree: the status and the digest of the contents of each file, by its path below the root."""

    root: Path
    files: dict[str, tuple[Status, str]]

    @property
    def digest(self) -> str:
        """One name for all paths and contents."""
        return digest(
            *(f"{path}\0{content}".encode("utf-8", "surrogateescape") for path, (_, content) in self.files.items())
        )

    def holds(self) -> bool:
        """Whether no file has changed since."""
        return all(_status(self.root / path) == status for path, (status, _) in self.files.items())


def take(root: Path, paths: Iterable[str], store: Store) -> Snapshot | None:
    """The state of the files at `paths` below `root`; None where one cannot be read."""
    name = digest(os.fsencode(root))
    now = time.time_ns()
    known = _load(store, name)
    files: dict[str, tuple[Status, str]] = {}
    base = f"{root}{os.sep}"
    for path in paths:
        status = _status(base + path)
        entry = known.get(path)
        if entry is None or entry[0] != status:
            try:
                entry = status, digest((root / path).read_bytes())
            except OSError:
                return None
        files[path] = entry
    lasting = {path: entry for path, entry in files.items() if entry[0][1] < now - _RECENT}
    if lasting != known:
        store.write("trees", name, marshal.dumps(lasting))
    return Snapshot(root, files)


def _load(store: Store, name: str) -> dict[str, tuple[Status, str]]:
    data = store.read("trees", name)
    if data is None:
        return {}
    loaded: dict[str, tuple[Status, str]] = marshal.loads(data)
    return loaded


def _status(path: str | Path) -> Status:
    try:
        found = os.stat(path)  # noqa: PTH116 (a Path for each of many thousand files takes longer than asking for it)
    except OSError:
        return 0, 0, 0
    return found.st_size, found.st_mtime_ns, found.st_ino


def verification_record(root: Path) -> bytes:
    """What PER006 goes by, whole; nothing where there is none."""
    try:
        return (project_root(root) / ".per-audit" / "record.json").read_bytes()
    except OSError:
        return b""
