"""Facts of many files: in this process for a few, in worker processes for many."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

from per_audit import facts
from per_audit.errors import Failure
from per_audit.facts.limits import Unparsable
from per_audit.facts.module import ModuleFacts

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from concurrent.futures import ProcessPoolExecutor

# Starting workers takes as long as reading about this many bytes.
_WORTH_WORKERS = 600_000
_CHUNK = 8
Extracted = ModuleFacts | Unparsable | Failure


def extract_all(files: Iterable[tuple[str, bytes]], jobs: int | None = None) -> Iterator[Extracted]:
    """The facts of each file, or why it has none, in the order of `files` (path, bytes).

    `jobs` is the number of worker processes; None takes the number of processors. A file on which the parser brings
    its process down is Unparsable, one on which per-audit fails a Failure; the others are not affected.
    """
    files = list(files)
    jobs = jobs or os.cpu_count() or 1
    if jobs == 1 or sum(len(data) for _, data in files) < _WORTH_WORKERS:
        yield from map(_extract, files)
        return
    from concurrent.futures.process import BrokenProcessPool  # takes longer to import than a few files to be read

    done = 0
    pool = _executor(jobs)
    try:
        for found in pool.map(_extract, files, chunksize=_CHUNK):
            yield found
            done += 1
    except BrokenProcessPool:
        for file in files[done:]:
            yield _alone(file)
    finally:
        pool.shutdown(cancel_futures=True)


def _extract(file: tuple[str, bytes]) -> Extracted:
    try:
        return facts.extract(*file)
    except Unparsable as error:
        return error
    except Exception as error:
        return Failure.of(f"reading {file[0]}", error)


def _alone(file: tuple[str, bytes]) -> Extracted:
    """The facts of one file from a process of its own, after some file has killed the shared ones."""
    from concurrent.futures.process import BrokenProcessPool

    try:
        with _executor(1) as pool:
            return pool.submit(_extract, file).result()
    except BrokenProcessPool:
        return Unparsable(1, "the parser does not survive it")


def _executor(jobs: int) -> ProcessPoolExecutor:
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor

    # Forking a process that has threads can hang, and the workers need nothing of this one.
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(jobs, context, initializer=signal.signal, initargs=(signal.SIGINT, signal.SIG_IGN))
