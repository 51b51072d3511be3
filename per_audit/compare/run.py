"""Run a command before and after a change, over seeds, and say what the change did to its metric."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from per_audit.compare.cluster import Cluster, check_installed
from per_audit.compare.judge import judged, trouble
from per_audit.compare.kept import Kept, key
from per_audit.compare.one import trained
from per_audit.compare.results import OK, UNREADABLE, Comparison, Run
from per_audit.compare.source import FILES, OUTPUT, Unreadable
from per_audit.compare.training import SEED, Stopped, Training
from per_audit.compare.trees import Tree, trees
from per_audit.errors import UserError
from per_audit.source import project_root
from per_audit.verify.statistics import scipy_stats

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Sequence

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
    if options.ray:
        check_installed()
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
    runs = _runs_on_cluster(work, jobs) if work.options.ray else _runs_here(work, jobs)
    with closing(runs):
        for run in runs:
            work.runs.append(run)
            if say is not None:
                say(run, len(work.runs), len(jobs))
            if trouble(work.runs, work.options.first_seed):
                break


def _runs_here(work: _Work, jobs: Sequence[_Job]) -> Generator[Run, None, None]:
    """The runs as they end. A thread each: what takes the time are the processes that they start and end."""
    with ThreadPoolExecutor(max_workers=work.options.jobs or _cores()) as pool:
        futures: list[Future[Run]] = [pool.submit(_one, work, job) for job in jobs]
        try:
            for future in as_completed(futures):
                yield future.result()
        finally:
            work.training.stopping.set()
            for future in futures:
                future.cancel()


def _runs_on_cluster(work: _Work, jobs: Sequence[_Job]) -> Generator[Run, None, None]:
    """The same on a Ray cluster: what is kept is read here, all else is run there, and kept here."""
    options, missing = work.options, []
    for job in jobs:
        note = _kept(work, job)
        if note is None:
            missing.append(job)
        else:
            yield _read(work, job, note, True)
    if not missing:
        return
    folders = {job.arm: job.tree.folder for job in jobs}
    calls = [
        (job.arm, job.tree.inside, job.seed, options.command, options.timeout, options.source.results)
        for job in missing
    ]
    with Cluster(options.ray, options.jobs, folders) as cluster:
        for number, answer in cluster.answers(calls):
            yield _read(work, missing[number], _received(work, missing[number], answer), False)


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return max(1, len(os.sched_getaffinity(0)))
    return max(1, os.cpu_count() or 1)


def _one(work: _Work, job: _Job) -> Run:
    """One run, or what is kept of it."""
    note = _kept(work, job)
    return _read(work, job, _trained(work, job) if note is None else note, note is not None)


def _kept(work: _Work, job: _Job) -> dict[str, Any] | None:
    return None if work.options.fresh else work.kept.load(job.name, work.options.timeout)


def _read(work: _Work, job: _Job, note: dict[str, Any], was_kept: bool) -> Run:
    """A run by its note and its files, which are kept by now."""
    status, seconds, message = str(note["status"]), float(note["seconds"]), str(note.get("message", ""))
    curve = None
    if status == OK:
        try:
            curve = work.options.source.read(work.kept.place(job.name))
        except (Unreadable, OSError) as error:
            status, message = UNREADABLE, str(error)
    return Run(job.arm, job.seed, status, seconds, message, curve, was_kept)


def _trained(work: _Work, job: _Job) -> dict[str, Any]:
    if work.training.stopping.is_set():
        raise Stopped
    top = work.scratch / f"{job.arm}-{job.seed}"
    partial = work.kept.partial(job.name)
    tree, results = job.tree, work.options.source.results
    try:
        with trained(work.training, tree.folder, tree.inside, results, job.seed, top, partial / OUTPUT) as outcome:
            note, folder, files = outcome
            return _keep(work, job, partial, note, files, folder)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


def _received(work: _Work, job: _Job, answer: dict[str, Any]) -> dict[str, Any]:
    """Keep what a node has answered."""
    if "error" in answer:
        raise UserError(f"--ray {work.options.ray}: {answer['error']}")
    output, named = answer.pop(OUTPUT), answer.pop(FILES)
    top = work.scratch / f"{job.arm}-{job.seed}"
    partial = work.kept.partial(job.name)
    try:
        (partial / OUTPUT).write_bytes(output)
        for name, content in named.items():
            path = top / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        return _keep(work, job, partial, answer, [top / name for name in named], top)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    finally:
        shutil.rmtree(top, ignore_errors=True)


def _keep(
    work: _Work, job: _Job, partial: Path, outcome: dict[str, Any], files: Iterable[Path], base: Path
) -> dict[str, Any]:
    command = list(work.options.command)
    note = {**outcome, "arm": job.arm, "seed": job.seed, "tree": job.tree.words, "command": command}
    work.kept.finish(job.name, partial, note, files, base)
    return note
