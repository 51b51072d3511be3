"""Files that change in one step or not at all."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from pathlib import Path

_SUFFIX = ".per-audit"


def replace(target: Path, content: bytes) -> None:
    """Give a file new content in one step."""
    temporary = write_beside(target, content)
    try:
        os.replace(temporary, target)  # noqa: PTH105
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_beside(target: Path, content: bytes) -> Path:
    """A new file next to `target`, safely on the disk, with the target's permissions."""
    mode = stat.S_IMODE(target.stat().st_mode) if target.exists() else 0o666 & ~_umask()
    descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=_SUFFIX, dir=target.parent)
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(mode)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return temporary


def remove_leftovers(target: Path) -> None:
    """Remove what a process that was killed in `write_beside` has left next to a file."""
    with contextlib.suppress(OSError):
        for child in target.parent.iterdir():
            if child.name.startswith(f".{target.name}.") and child.name.endswith(_SUFFIX):
                child.unlink()


def sync_directory(directory: Path) -> None:
    """Bring renames in a directory onto the disk."""
    with contextlib.suppress(OSError):  # Windows cannot, and need not
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
