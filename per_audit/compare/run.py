"""Run a command before and after a change, over seeds, and say what the change did to its metric."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from per_audit.compare.judge import judged, trouble
from per_audit.compare.kept import Kept, key
from per_audit.compare.results import CRASHED, OK, UNREADABLE, Comparison, Run
from per_audit.compare.source import OUTPUT, Unreadable
from per_audit.compare.training import SEED, Stopped, Training
from per_audit.compare.trees import Tree, run_copy, trees
from per_audit.errors import UserError
from per_audit.source import project_root
from per_audit.verify.statistics import scipy_stats

if TYPE_CHECKING:
    from collections.abc import Sequence

    from per_audit.compare.options import Options

STATE = ".per-audit"
Say = Callable[[Run, int, int], None]


@dataclass(frozen=True)
class _Job:
    arm: str
    seed: int
    tree: Tree
    name: str


@dataclass
class _Work:
    """What the runs share."""

    options: Options
    training: Training
    kept: Kept
    scratch: Path
    runs: list[Run] = field(default_factory=list)


def compare(options: Options, here: Path | None = None, say: Say | None = None) -> Comparison:
    """Run the command with every seed before and after, and compare.

    `say(run, done, total)` is called whenever a run has ended. Raises UserError for bad input; what goes wrong in the
    runs is in the result. When interrupted, all runs are ended and what has finished is kept.
    """
    started = time.monotonic()
    place = Path.cwd() if here is None else here
    _check(options)
    scipy_stats()
    kept = Kept(options.keep or project_root(place) / STATE / "compare")
    training = Training(options.command, options.timeout, place)
    with trees(options.before, options.after, place) as (before, after):
        work = _Work(options, training, kept, before.folder.parent)
        _run_all(work, _jobs(options, before, after), say)
        found = judged(options, before, after, work.runs)
    found.seconds = time.monotonic() - started
    return found


def _check(options: Options) -> None:
    options.source.checked()
    if not options.command:
        raise UserError("no command is given; write it at the end, behind --: per-audit compare ... -- python train.py")
    if not any(SEED in word for word in options.command):
        raise UserError(
            f"the command does not say where the seed goes; write {SEED} there: -- python train.py --seed {SEED}"
        )
    if options.seeds < 2 or options.timeout <= 0 or options.jobs < 0 or options.first_seed < 0:
        raise UserError("--seeds must be at least 2, --timeout above 0, --jobs and --first-seed not below 0")


def _jobs(options: Options, before: Tree, after: Tree) -> list[_Job]:
    """Seed by seed, the arms by turns, so that what changes on the machine meets both alike."""
    jobs = []
    for number, seed in enumerate(range(options.first_seed, options.first_seed + options.seeds)):
        both = [("before", before, False), ("after", after, before.digest == after.digest)]
        for arm, tree, again in both if number % 2 == 0 else reversed(both):
            name = key(options.command, seed, tree.digest, tree.inside, options.source.results, again)
            jobs.append(_Job(arm, seed, tree, name))
    return jobs


def _run_all(work: _Work, jobs: Sequence[_Job], say: Say | None) -> None:
    workers = work.options.jobs or _cores()
    with ThreadPoolExecutor(max_workers=workers) as pool:
        futures: list[Future[Run]] = [pool.submit(_one, work, job) for job in jobs]
        try:
            for future in as_completed(futures):
                run = future.result()
                work.runs.append(run)
                if say is not None:
                    say(run, len(work.runs), len(jobs))
                if trouble(work.runs, work.options.first_seed):
                    break
        finally:
            work.training.stopping.set()
            for future in futures:
                future.cancel()


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return max(1, len(os.sched_getaffinity(0)))
    return max(1, os.cpu_count() or 1)


def _one(work: _Work, job: _Job) -> Run:
    """One run, or what is kept of it."""
    options = work.options
    note = None if options.fresh else work.kept.load(job.name, options.timeout)
    was_kept = note is not None
    if note is None:
        note = _trained(work, job)
    status, seconds, message = str(note["status"]), float(note["seconds"]), str(note.get("message", ""))
    curve = None
    if status == OK:
        try:
            curve = options.source.read(work.kept.place(job.name))
        except (Unreadable, OSError) as error:
            status, message = UNREADABLE, str(error)
    return Run(job.arm, job.seed, status, seconds, message, curve, was_kept)


def _trained(work: _Work, job: _Job) -> dict[str, Any]:
    if work.training.stopping.is_set():
        raise Stopped
    top = work.scratch / f"{job.arm}-{job.seed}"
    partial = work.kept.partial(job.name)
    try:
        folder = run_copy(job.tree, top)
        source = work.options.source
        # What the project holds from former runs is not what this one measures.
        for stale in source.matching(folder):
            stale.unlink()
        status, seconds, message = work.training.run(job.seed, folder, top, partial / OUTPUT)
        note: dict[str, Any] = {
            "status": status,
            "seconds": round(seconds, 3),
            "message": message,
            "arm": job.arm,
            "seed": job.seed,
            "tree": job.tree.words,
            "command": list(work.options.command),
        }
        work.kept.finish(job.name, partial, note, source.matching(folder) if status != CRASHED else (), folder)
        return note
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    finally:
        shutil.rmtree(top, ignore_errors=True)
