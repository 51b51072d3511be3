"""The undo journal: what `fix` writes, `undo` takes back byte for byte.

The journal of a run is a directory `.per-audit/undo/0001` with the former contents and a `journal.json`. It is complete
before the first file changes and says `writing` until the last one has, so that a run that was killed half-way is taken
back by the next one.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from per_audit.atomic import remove_leftovers, replace, sync_directory
from per_audit.errors import UserError
from per_audit.fixes.transaction import Change, Transaction, remove_directories, signals_held

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

STATE = ".per-audit"
_VERSION = 1


@dataclass(frozen=True, slots=True)
class Undone:
    """What `undo` took back: the run's title and the files restored and removed."""

    title: str
    restored: tuple[str, ...]
    removed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Entry:
    """One file in a journal: the SHA-256 of its contents and the name of the copy of the former one."""

    path: str
    before: str | None
    after: str | None
    copy: str


def state_directory(root: Path) -> Path:
    """The project's `.per-audit`, made if need be. Git ignores it but for the verification record."""
    state = root / STATE
    if not state.resolve().is_relative_to(root.resolve()):
        raise UserError(f"{state}: leads out of the project; remove the link")
    try:
        state.mkdir(exist_ok=True)
        ignore = state / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n!record.json\n", encoding="utf-8")
    except OSError as error:
        raise UserError(f"{state}: cannot be written ({error.strerror}); nothing was changed") from error
    return state


def write(root: Path, changes: Sequence[Change], title: str) -> None:
    """Make all changes or none, and remember how to undo them.

    Raises UserError, and leaves everything as it was, where a file is not as `before` says, lies outside the root or
    cannot be written. Whatever else happens on the way (an interrupt, a full disk), the files are put back first.
    """
    root = root.resolve()
    transaction = Transaction(root, changes)
    state = state_directory(root)
    try:
        with signals_held() as check:
            folder = _open(state, transaction, title)
            try:
                transaction.commit(check)
                _mark(folder, "done")
                check()
            except BaseException:
                _roll_back(transaction)
                _close(folder)
                raise
    finally:
        _tidy(state)


def undo(root: Path) -> Undone | None:
    """Take the latest run back; None where there is none.

    Raises UserError, and changes nothing, where a file was changed since.
    """
    root = root.resolve()
    folder = _latest(root)
    if folder is None:
        return None
    journal = _read(folder)
    entries = [_Entry(**entry) for entry in journal["files"]]
    if journal["status"] != "done":
        for entry in entries:
            remove_leftovers(root / entry.path)
    changes = [_reversal(root, folder, entry) for entry in entries]
    transaction = Transaction(root, [change for change in changes if change is not None])
    with signals_held() as check:
        # From here on a run that is cut short counts as one that was never complete: the next undo finishes it.
        _mark(folder, "undoing")
        try:
            transaction.commit(check)
        except BaseException:
            _roll_back(transaction)
            _mark(folder, journal["status"])
            raise
        remove_directories(root / path for path in journal["directories"])
        _close(folder)
    _tidy(root / STATE)
    return Undone(
        title=journal["title"],
        restored=tuple(entry.path for entry in entries if entry.before is not None),
        removed=tuple(entry.path for entry in entries if entry.before is None),
    )


def recover(root: Path) -> Undone | None:
    """Take back a run that was killed half-way, so that the next one starts from whole files."""
    folder = _latest(root.resolve())
    if folder is None or _read(folder)["status"] == "done":
        return None
    return undo(root)


def _roll_back(transaction: Transaction) -> None:
    try:
        transaction.roll_back()
    except OSError as error:
        remedy = "once that is mended, `per-audit undo` puts all files back"
        raise UserError(f"{error.filename or transaction.root}: {error.strerror}; {remedy}") from error


def _open(state: Path, transaction: Transaction, title: str) -> Path:
    """Write the journal of a run that is about to start."""
    undo_folder = state / "undo"
    folder = None
    try:
        undo_folder.mkdir(exist_ok=True)
        number = 1 + max((int(child.name) for child in undo_folder.iterdir() if child.name.isdigit()), default=0)
        numbered = undo_folder / f"{number:04d}"
        numbered.mkdir()
        folder = numbered  # from here on it is ours to remove
        entries = []
        for index, change in enumerate(transaction.changes):
            copy = folder / f"{index}.before"
            if change.before is not None:
                replace(copy, change.before)
            entries.append(asdict(_Entry(change.path, _digest(change.before), _digest(change.after), copy.name)))
        directories = [directory.relative_to(transaction.root).as_posix() for directory in transaction.directories]
        journal = {"version": _VERSION, "status": "writing", "title": title}
        _save(folder, journal | {"files": entries, "directories": directories})
        sync_directory(undo_folder)
    except BaseException as error:
        if folder is not None:
            _close(folder)
        if isinstance(error, OSError):
            raise UserError(f"{undo_folder}: cannot be written ({error.strerror}); nothing was changed") from error
        raise
    return folder


def _save(folder: Path, journal: dict[str, Any]) -> None:
    replace(folder / "journal.json", json.dumps(journal, indent=1).encode())
    sync_directory(folder)


def _mark(folder: Path, status: str) -> None:
    _save(folder, _read(folder) | {"status": status})


def _read(folder: Path) -> dict[str, Any]:
    try:
        journal: dict[str, Any] = json.loads((folder / "journal.json").read_bytes())
    except (OSError, ValueError) as error:
        raise UserError(f"{folder}: the undo journal cannot be read ({error}); remove it to go on without") from error
    if journal.get("version") != _VERSION:
        raise UserError(f"{folder}: was written by another version of per-audit; undo with that one, or remove it")
    return journal


def _latest(root: Path) -> Path | None:
    folder = root / STATE / "undo"
    if not folder.resolve().is_relative_to(root):
        return None
    try:
        runs = [child for child in folder.iterdir() if child.name.isdigit()]
    except OSError:
        return None
    for run in sorted(runs, key=lambda run: int(run.name), reverse=True):
        if (run / "journal.json").exists():
            return run
        shutil.rmtree(run, ignore_errors=True)  # killed before it was complete, so before any file was changed
    return None


def _reversal(root: Path, folder: Path, entry: _Entry) -> Change | None:
    """The change that puts one file back; None where it already is as it was."""
    target = root / entry.path
    found = target.read_bytes() if target.is_file() else None
    if _digest(found) == entry.before:
        return None
    if _digest(found) != entry.after:
        what = "was removed" if found is None else "was changed"
        raise UserError(f"{entry.path}: {what} after the fix; nothing was undone. The former contents are in {folder}")
    return Change(entry.path, found, (folder / entry.copy).read_bytes() if entry.before is not None else None)


def _digest(content: bytes | None) -> str | None:
    return None if content is None else hashlib.sha256(content).hexdigest()


def _close(folder: Path) -> None:
    # The journal itself goes first: a folder without one is rubbish, not a run.
    (folder / "journal.json").unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)


def _tidy(state: Path) -> None:
    """Remove the state directory where nothing is left in it to keep."""
    with contextlib.suppress(OSError):
        (state / "undo").rmdir()
    with contextlib.suppress(OSError):
        if [child.name for child in state.iterdir()] == [".gitignore"]:
            (state / ".gitignore").unlink()
            state.rmdir()
