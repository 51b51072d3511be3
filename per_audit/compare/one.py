"""One run from a copied tree to its files of results; the same on this machine and on the nodes of a cluster."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from per_audit.compare.results import CRASHED
from per_audit.compare.source import matching
from per_audit.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from per_audit.compare.training import Training

_LARGEST = 2**30


@contextmanager
def trained(
    training: Training, tree: Path, inside: str, results: str, seed: int, top: Path, output: Path
) -> Iterator[tuple[dict[str, Any], Path, list[Path]]]:
    """Run in `top`, a copy of `tree` that is removed at the end: how it ended, where it ran, and its files of results.

    What the command prints goes to the file `output`. Raises what Training.run raises, and UserError where `results`
    names too much.
    """
    try:
        shutil.copytree(tree, top, symlinks=True)
        folder = top / inside
        # What the project holds from former runs is not what this one measures.
        for stale in matching(results, folder):
            stale.unlink()
        status, seconds, message = training.run(seed, folder, top, output)
        files = matching(results, folder) if status != CRASHED else []
        if sum(path.stat().st_size for path in files) > _LARGEST:
            raise UserError(f"--results names more than {_LARGEST >> 20} MB of files; name the metric's alone")
        yield {"status": status, "seconds": round(seconds, 3), "message": message}, folder, files
    finally:
        shutil.rmtree(top, ignore_errors=True)
