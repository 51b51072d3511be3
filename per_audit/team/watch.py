"""Scanning again whenever something changes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from per_audit.catalogue.own_rules import python_files
from per_audit.errors import UserError
from per_audit.source import discover

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from per_audit.audit import FactsCache
    from per_audit.settings import Settings

Snapshot = dict[str, tuple[int, int] | None]
"""The files that a scan depends on: time of the last change and size, None where there is none."""

_SECONDS = 1.0


def watch(
    root: Path,
    paths: Sequence[Path],
    load: Callable[[], Settings],
    act: Callable[[Settings], object],
    complain: Callable[[UserError], object],
    pause: Callable[[], object],
) -> None:
    """Load the settings and act on them, and again whenever the configuration or a file at or below `paths` changes.

    What changes during the act counts too. `pause` is called between two looks. A UserError on the first round is
    raised; later ones are complained of and waited out, for a file may be half edited. Only an exception ends it.
    """
    settings = load()
    seen = snapshot(root, paths, settings)
    act(settings)
    while True:
        while snapshot(root, paths, settings) == seen:
            pause()
        seen = snapshot(root, paths, settings)
        try:
            settings = load()
            seen = snapshot(root, paths, settings)
            act(settings)
        except UserError as error:
            complain(error)


def snapshot(root: Path, paths: Sequence[Path], settings: Settings) -> Snapshot:
    """The state of everything that a scan with these settings reads."""
    try:
        found = list(discover(root, paths, settings.filters).files.values())
    except UserError:  # a path that was named does not exist at the moment
        found = []
    found.append(settings.config or settings.base / "pyproject.toml")
    if settings.baseline is not None:
        found.append(settings.base / settings.baseline)
    found += [file for place in settings.catalogue.sources for file in python_files(place)]
    return {str(path): _state(path) for path in found}


def forget_old(cache: FactsCache) -> None:
    """Keep of each file only what was read last."""
    kept: set[str] = set()
    for path, data in reversed(list(cache)):
        if path in kept:
            del cache[path, data]
        kept.add(path)


def pauses(root: Path) -> Callable[[], object]:
    """A function that waits: for the system to report a change where watchfiles is installed, else for a second."""
    try:
        from watchfiles import watch as changes
    except ImportError:
        return lambda: time.sleep(_SECONDS)
    events: Iterator[object] = changes(root, rust_timeout=5000, yield_on_timeout=True)

    def pause() -> None:
        try:
            next(events)
        except (OSError, RuntimeError, StopIteration):  # the system lets nobody watch so many directories
            time.sleep(_SECONDS)

    return pause


def _state(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size
