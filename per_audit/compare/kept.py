"""Finished runs, kept by what they are runs of, so that a comparison that was interrupted goes on where it stopped."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from typing import TYPE_CHECKING, Any

from per_audit.compare.results import OK, TIMED_OUT
from per_audit.compare.source import FILES
from per_audit.errors import UserError, in_a_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

_VERSION = 1
_NOTE = "run.json"


def key(command: Sequence[str], seed: int, digest: str, inside: str, results: str, again: bool) -> str:
    """The name of a run: what is run, on which files, and which of its files are read.

    `again` tells the second of two arms with the same files from the first.
    """
    what = json.dumps([_VERSION, list(command), seed, digest, inside, results, again])
    return hashlib.sha256(what.encode("utf-8", "surrogatepass")).hexdigest()[:32]


class Kept:
    """A folder with one folder a run: what it printed, its files of results, and how it ended."""

    def __init__(self, folder: Path) -> None:
        """Make the folder. Raises UserError where it cannot be written."""
        self._folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / ".gitignore").write_text("*\n", encoding="utf-8")
        except OSError as error:
            raise UserError(f"{folder}: cannot be written ({in_a_line(error)}); name another with --keep") from error
        for partial in folder.glob("*.partial"):
            if not _alive(partial.name):
                shutil.rmtree(partial, ignore_errors=True)

    def place(self, name: str) -> Path:
        """Where the run `name` is kept, or will be."""
        return self._folder / name

    def partial(self, name: str) -> Path:
        """A new folder for a run in progress."""
        place = self._folder / f"{name}.{os.getpid()}.partial"
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        return place

    def load(self, name: str, timeout: float) -> dict[str, Any] | None:
        """How the run `name` ended: one that ended well, or that took longer than the present `timeout`. Else None."""
        try:
            note = json.loads((self.place(name) / _NOTE).read_text("utf-8"))
        except (OSError, ValueError):
            return None
        if not isinstance(note, dict) or not isinstance(note.get("seconds"), (int, float)):
            return None
        usable = note.get("status") == OK or (note.get("status") == TIMED_OUT and note["seconds"] >= timeout)
        return note if usable else None

    def finish(self, name: str, partial: Path, note: dict[str, Any], files: Iterable[Path], base: Path) -> None:
        """Keep a run: `files` below `base` are copied, and the folder gets its name in one step.

        Raises UserError where there is no room.
        """
        try:
            for path in files:
                target = partial / FILES / path.relative_to(base)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, target)
            (partial / _NOTE).write_text(json.dumps(note) + "\n", encoding="utf-8")
            shutil.rmtree(self.place(name), ignore_errors=True)
            partial.rename(self.place(name))
        except OSError as error:
            raise UserError(
                f"{self._folder}: cannot be written ({in_a_line(error)}); name another with --keep"
            ) from error


def _alive(name: str) -> bool:
    """Whether the process that writes the folder `name` is still there."""
    number = name.split(".")[-2]
    if not number.isdigit() or not hasattr(os, "killpg"):
        return False
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return int(number) != os.getpid()
