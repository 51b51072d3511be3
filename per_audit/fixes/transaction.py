"""Several files changed together or not at all."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import stat
import threading
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from per_audit.atomic import replace, sync_directory, write_beside
from per_audit.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from types import FrameType


@dataclass(frozen=True, slots=True)
class Change:
    """A file as it was (None: it did not exist) and as it shall be (None: it shall go); `path` is POSIX."""

    path: str
    before: bytes | None
    after: bytes | None


class Transaction:
    """Changes of files below `root`, checked on construction.

    Raises UserError where a file is not as `before` says, lies outside the root or cannot be written.
    """

    def __init__(self, root: Path, changes: Sequence[Change]) -> None:
        self.root = root
        self.changes = changes
        self._targets: dict[str, Path] = {}
        self._modes: dict[str, int] = {}
        for change in changes:
            target = self._targets[change.path] = self._checked(change)
            if change.before is not None:
                self._modes[change.path] = stat.S_IMODE(target.stat().st_mode)
        #: The directories that have to be made, outermost first.
        self.directories = sorted(
            {
                above
                for target in self._targets.values()
                for above in target.parents
                if above.is_relative_to(root) and not above.exists()
            }
        )

    def commit(self, check: Callable[[], None]) -> None:
        """Make the changes: all new contents beside their files first, then the renames, which can hardly fail.

        `check` is called between two steps and may raise. After an exception `roll_back` is due.
        """
        staged: dict[str, Path] = {}
        try:
            for directory in self.directories:
                directory.mkdir(exist_ok=True)
            for change in self.changes:
                check()
                if change.after is not None:
                    staged[change.path] = write_beside(self._targets[change.path], change.after)
            for change in self.changes:
                check()
                target = self._targets[change.path]
                if change.after is None:
                    target.unlink()
                else:
                    os.replace(staged[change.path], target)  # noqa: PTH105
        except OSError as error:
            raise UserError(f"{error.filename or self.root}: {error.strerror}; nothing was changed") from error
        finally:
            for temporary in staged.values():
                temporary.unlink(missing_ok=True)
        for directory in {target.parent for target in self._targets.values()}:
            sync_directory(directory)

    def roll_back(self) -> None:
        """Put back whatever `commit` has changed so far."""
        for change in reversed(self.changes):
            target = self._targets[change.path]
            found = target.read_bytes() if target.exists() else None
            if found == change.before:
                continue
            if change.before is None:
                target.unlink()
            else:
                replace(target, change.before)
                target.chmod(self._modes[change.path])
        remove_directories(self.directories)

    def _checked(self, change: Change) -> Path:
        """The real file that a change is for."""
        pure = PurePosixPath(change.path)
        target = (self.root / pure).resolve()
        if pure.is_absolute() or ".." in pure.parts or not target.is_relative_to(self.root):
            raise UserError(f"{change.path}: lies outside {self.root}; nothing was changed")
        if target in self._targets.values():
            raise UserError(f"{change.path}: is the same file as another one to be changed; nothing was changed")
        try:
            found = target.read_bytes() if target.exists() else None
        except OSError as error:
            raise UserError(f"{change.path}: cannot be read ({error.strerror}); nothing was changed") from error
        if found != change.before:
            what = "was created" if change.before is None else "was removed" if found is None else "was changed"
            raise UserError(f"{change.path}: {what} in the meantime; nothing was written, run it again")
        _check_writable(change.path, target)
        return target


def _check_writable(path: str, target: Path) -> None:
    directory = target.parent
    while not directory.exists():
        directory = directory.parent
    for name, found in ((path, target), (f"{path}: its directory", directory)):
        # The mode counts too: to root everything is writable, read-only or not.
        if found.exists() and not (os.access(found, os.W_OK) and stat.S_IMODE(found.stat().st_mode) & 0o222):
            raise UserError(f"{name} is read-only; nothing was changed. Make it writable, or leave the file out")


def remove_directories(directories: Iterable[Path]) -> None:
    """Remove directories that a run made, innermost first, unless somebody else's files lie in them by now."""
    for directory in sorted(directories, reverse=True):
        shutil.rmtree(directory / "__pycache__", ignore_errors=True)
        with contextlib.suppress(OSError):
            directory.rmdir()


class _Held:
    """The signal that came while signals were held; calling it raises what the signal asks for."""

    def __init__(self) -> None:
        self.received: int | None = None

    def note(self, number: int, _frame: FrameType | None) -> None:
        self.received = number

    def __call__(self) -> None:
        number, self.received = self.received, None
        if number == signal.SIGINT:
            raise KeyboardInterrupt
        if number is not None:
            raise SystemExit(128 + number)


@contextlib.contextmanager
def signals_held() -> Iterator[Callable[[], None]]:
    """Let interrupts wait for the end of a step, so that none falls into the middle of putting files back.

    Yields a function that raises for a signal that has come since.
    """
    held = _Held()
    former = {}
    if threading.current_thread() is threading.main_thread():  # elsewhere no signal arrives
        for name in ("SIGINT", "SIGTERM", "SIGHUP"):
            number = getattr(signal, name, None)
            if number is not None and signal.getsignal(number) not in (signal.SIG_IGN, None):
                former[number] = signal.signal(number, held.note)
    try:
        yield held
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
