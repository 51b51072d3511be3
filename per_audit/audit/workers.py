"""The judgement of many parts: in this process for a few, in worker processes for many."""

from __future__ import annotations

import gc
import os
import pickle
import signal
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from per_audit.audit.judge import Judge
from per_audit.runtime import MAX_PICKLED_DEPTH
from per_audit.source.resolve import Modules

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from concurrent.futures import Future, ProcessPoolExecutor
    from pathlib import Path

    from per_audit.audit.outcome import Outcome
    from per_audit.audit.parts import Part
    from per_audit.facts.pool import Extracted
    from per_audit.settings import Settings

# Starting workers, which import the rules, takes as long as judging about this many bytes.
_WORTH_WORKERS = 400_000


def judge_all(
    parts: Sequence[Part],
    modules: Mapping[str, Extracted],
    root: Path,
    settings: Settings,
    tree: Modules,
    jobs: int | None = None,
) -> Iterator[Outcome]:
    """The outcome of each part, in order, with what a fix would do about each finding.

    The arguments are those of `Judge`; `jobs` is the number of worker processes, None for one a processor. What a
    worker cannot do, for whatever reason, is done here, where an error has its traceback. Raises as `Judge` does.
    """
    here = Judge(root, settings, tree, modules)
    jobs = jobs or os.cpu_count() or 1
    sizes = {part.key: sum(len(file.data) for file in part.files) for part in parts}
    beside_the_largest = sum(sizes.values()) - max(sizes.values(), default=0)
    if jobs == 1 or settings.catalogue.own or beside_the_largest <= _WORTH_WORKERS:
        yield from (here(part, with_offers=True)[0] for part in parts)
        return
    from concurrent.futures.process import BrokenProcessPool

    with _workers(jobs, root, settings, tree) as pool:
        asked: dict[str, Future[Outcome]] = {}
        with suppress(BrokenProcessPool):
            for part in sorted(parts, key=lambda part: -sizes[part.key]):
                packed = _packed(part, modules)
                if packed is not None:
                    asked[part.key] = pool.submit(_judge, packed)
        for part in parts:
            future = asked.get(part.key)
            if future is None or future.exception() is not None:
                yield here(part, with_offers=True)[0]
            else:
                yield future.result()


@contextmanager
def _workers(jobs: int, root: Path, settings: Settings, tree: Modules) -> Iterator[ProcessPoolExecutor]:
    """A pool whose processes end at once where this one is interrupted: a judgement may take a minute."""
    import multiprocessing  # takes longer to import than a project takes that has not changed
    from concurrent.futures import ProcessPoolExecutor

    before = set(multiprocessing.active_children())
    # Forking a process that has threads can hang, and the workers need nothing of this one.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(jobs, context, initializer=_begin, initargs=(root, settings, tree.paths))
    try:
        yield pool
    except BaseException:
        for worker in set(multiprocessing.active_children()) - before:
            worker.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


_state: dict[str, tuple[Path, Settings, Modules]] = {}


def _begin(root: Path, settings: Settings, paths: Iterable[str]) -> None:
    """What every judgement of this worker has in common."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # the process that asked says what there is to say
    gc.disable()  # the process ends with its last judgement
    _state["common"] = root, settings, Modules(paths)


def _packed(part: Part, modules: Mapping[str, Extracted]) -> bytes | None:
    """The part and its facts for a worker, None where they are nested too deeply."""
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(max(limit, MAX_PICKLED_DEPTH))
    try:
        return pickle.dumps((part, {file.relative: modules[file.relative] for file in part.files}), -1)
    except RecursionError:
        return None
    finally:
        sys.setrecursionlimit(limit)


def _judge(packed: bytes) -> Outcome:
    part, modules = pickle.loads(packed)  # noqa: S301
    return Judge(*_state["common"], modules)(part, with_offers=True)[0]
