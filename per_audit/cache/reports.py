"""Reports of trees that have not changed since."""

from __future__ import annotations

import pickle
from dataclasses import fields
from typing import TYPE_CHECKING

from per_audit.cache.files import Snapshot, take, verification_record
from per_audit.cache.store import digest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from per_audit.cache.store import Store
    from per_audit.findings import Report
    from per_audit.settings import Settings
    from per_audit.source import Discovery

# Choices that no report of an audit depends on; what is not named here is taken to matter.
_NO_MATTER = {"format", "fail_on", "baseline", "origins", "cache", "cache_dir", "catalogue"}


def remembered(store: Store, root: Path, files: Discovery, settings: Settings, make: Callable[[], Report]) -> Report:
    """The report on the files: the one that is kept where nothing it depends on has changed, else a new one."""
    if files.notices:
        return make()  # something could not be read, which may be otherwise next time
    snapshot = take(root, files.paths, store)
    if snapshot is None:
        return make()
    name = _name(snapshot, root, settings)
    kept = store.read("reports", name)
    if kept is not None:
        report: Report = pickle.loads(kept)  # noqa: S301
        return report
    report = make()
    if snapshot.holds() and not report.failures:
        store.write("reports", name, pickle.dumps(report, pickle.HIGHEST_PROTOCOL))
        store.trim()
    return report


def _name(snapshot: Snapshot, root: Path, settings: Settings) -> str:
    chosen = {f.name: getattr(settings, f.name) for f in fields(settings) if f.name not in _NO_MATTER}
    own = settings.catalogue.digest
    said = (repr(chosen), own, snapshot.digest)
    return digest(
        str(root).encode("utf-8", "surrogateescape"), verification_record(root), *(part.encode() for part in said)
    )
