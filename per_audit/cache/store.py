"""A directory of small files under digests. Whatever goes wrong with one of them is a miss."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import sys
from contextlib import suppress
from functools import cached_property
from pathlib import Path

from per_audit import __version__

_DIGEST = 16
_MOST_BYTES = 1_000_000_000
_TAG = b"Signature: 8a477f597d28d172789f06886806bc55\n# A cache of per-audit; it can be deleted at any time.\n"


def default_directory() -> Path:
    """Where the platform keeps a user's caches."""
    home = Path.home()
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = home / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache")
    return base / "per-audit" / "scan"


def digest(*parts: bytes) -> str:
    """A name for these bytes; the boundaries between the parts count."""
    made = hashlib.blake2b(digest_size=_DIGEST)
    for part in parts:
        made.update(len(part).to_bytes(8, "little"))
        made.update(part)
    return made.hexdigest()


class Store:
    """Bytes by kind and name.

    Entries are written whole or not at all, so that processes can share a directory and be killed at any time, and
    carry a checksum, so that a damaged one is not there. They are of the code that wrote them: another version of
    per-audit, of its rules or of Python sees none of them. Nothing here raises for a directory that cannot be written.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Store) and other.directory == self.directory

    def __hash__(self) -> int:
        return hash(self.directory)

    @cached_property
    def _inside(self) -> Path:
        return self.directory / _code()

    def read(self, kind: str, name: str) -> bytes | None:
        """The bytes of an entry, None where there is none or it is damaged."""
        try:
            data = self._file(kind, name).read_bytes()
        except OSError:
            return None
        payload = data[_DIGEST:]
        return payload if hashlib.blake2b(payload, digest_size=_DIGEST).digest() == data[:_DIGEST] else None

    def write(self, kind: str, name: str, payload: bytes) -> None:
        """Keep an entry, in place of an older one."""
        import tempfile  # what is only read needs none

        target = self._file(kind, name)
        with suppress(OSError):
            if not target.parent.is_dir():
                self._prepare(target.parent)
            handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=".")
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(hashlib.blake2b(payload, digest_size=_DIGEST).digest() + payload)
                Path(temporary).replace(target)
            except BaseException:
                with suppress(OSError):
                    Path(temporary).unlink()
                raise

    def trim(self, most: int = _MOST_BYTES) -> None:
        """Drop what was written longest ago until no more than `most` bytes are left, and what other code wrote."""
        import shutil  # takes longer to import than an entry to be read

        with suppress(OSError):
            for other in self.directory.iterdir():
                if other.is_dir() and other.name != self._inside.name and len(other.name) == 2 * _DIGEST:
                    shutil.rmtree(other, ignore_errors=True)
            entries = [(path.stat(), path) for path in self._inside.rglob("*") if path.is_file()]
            size = sum(status.st_size for status, _ in entries)
            for status, path in sorted(entries, key=lambda entry: entry[0].st_mtime_ns):
                if size <= most:
                    break
                size -= status.st_size
                path.unlink(missing_ok=True)

    def clear(self) -> None:
        """Delete everything."""
        import shutil

        if (self.directory / "CACHEDIR.TAG").is_file():
            shutil.rmtree(self.directory, ignore_errors=True)

    def _file(self, kind: str, name: str) -> Path:
        return self._inside / kind / name[:2] / name

    def _prepare(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        tag = self.directory / "CACHEDIR.TAG"
        if not tag.exists():
            tag.write_bytes(_TAG)


def _code() -> str:
    """The state of the code that computes what is kept: its version, and its files by size and time."""
    rules = importlib.util.find_spec("per_audit_rules")
    folders = [str(Path(__file__).parents[1]), *((rules and rules.submodule_search_locations) or ())]
    seen = [f"{__version__} {sys.version}"]
    while folders:
        with os.scandir(folders.pop()) as entries:
            for entry in entries:
                if entry.name.endswith((".py", ".json", ".toml")):
                    status = entry.stat()
                    seen.append(f"{entry.name} {status.st_size} {status.st_mtime_ns}")
                elif entry.is_dir() and entry.name != "__pycache__":
                    folders.append(entry.path)
    return digest("\n".join(seen).encode())
