"""`per-audit compare`: the user's own training command before and after a change, over seeds."""

from __future__ import annotations

import shutil
import signal
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from per_audit.cli._shared import emit, wants_colour
from per_audit.compare.options import Options
from per_audit.compare.run import compare as run
from per_audit.compare.source import Source
from per_audit.report import comparison_html, comparison_json, comparison_markdown, comparison_text
from per_audit.verify.results import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator

    from per_audit.compare.results import Run

_DOCUMENTS = {"json": comparison_json, "markdown": comparison_markdown, "html": comparison_html}
_CODES = {Verdict.PASS: 0, Verdict.INCONCLUSIVE: 0, Verdict.REGRESSION: 3}


@click.command()
@click.option("--before", required=True, metavar="REV|DIR", help="A git revision, or a folder as it is.")
@click.option("--after", default=".", metavar="REV|DIR", help="The same; by default the current folder as it is.")
@click.argument("command_", nargs=-1, required=True, metavar="-- COMMAND...", type=click.UNPROCESSED)
@click.option("--results", default="", metavar="GLOB", help="Files or folders that the command writes results to.")
@click.option("--metric", default="", metavar="NAME", help="The column, key or tag of the metric in them.")
@click.option("--pattern", default="", metavar="REGEX", help="Or: the metric in what the command prints, as a group.")
@click.option("--step", default="", metavar="NAME", help="The column, key or group of the steps.")
@click.option("--lower-is-better", is_flag=True, help="The metric is a loss or a cost.")
@click.option("--horizon", type=float, metavar="STEP", help="Compare up to this step; by default the earliest end.")
@click.option("--seeds", type=click.IntRange(2), default=20, help="How many seeds; 20 by default, fewer claim nothing.")
@click.option("--first-seed", type=click.IntRange(0), default=0, help="The first of them; 0 by default.")
@click.option("--timeout", type=float, default=3600.0, metavar="SECONDS", help="Time for each run; an hour by default.")
@click.option("--jobs", type=click.IntRange(0), default=0, help="Runs at a time; by default one a core.")
@click.option(
    "--ray", default="", metavar="ADDRESS", help="Run on a Ray cluster: HOST:PORT, ray://HOST:PORT, auto, local."
)
@click.option("--keep", type=click.Path(path_type=Path), metavar="DIR", help="Where finished runs are kept.")
@click.option("--fresh", is_flag=True, help="Run anew what is kept.")
@click.option(
    "--format", type=click.Choice(("text", *_DOCUMENTS)), default="text", help="How to report; text by default."
)
@click.option("--output", type=click.Path(path_type=Path), metavar="FILE", help="Write the report to FILE.")
@click.option("--strict", is_flag=True, help="Exit 3 for INCONCLUSIVE as well.")
@click.option("--quiet", "-q", is_flag=True, help="No line for each run.")
@click.pass_context
def command(
    context: click.Context,
    before: str,
    after: str,
    command_: tuple[str, ...],
    results: str,
    metric: str,
    pattern: str,
    step: str,
    lower_is_better: bool,
    horizon: float | None,
    seeds: int,
    first_seed: int,
    timeout: float,
    jobs: int,
    ray: str,
    keep: Path | None,
    fresh: bool,
    format: str,  # noqa: A002
    output: Path | None,
    strict: bool,
    quiet: bool,
) -> None:
    """Compare your own training command before and after a change, over seeds.

    The command is run with each seed in copies of both states, {seed} standing for the number; your files and your
    repository are only read. Runs that have finished are kept in .per-audit/compare, so that the same command goes on
    after an interruption. A difference is claimed from 20 seeds on, where equal states would show one as large in 1 of
    1,000 comparisons.
    Exit codes: 0 better, or no difference shown, 3 worse, 2 nothing could be compared, 130 interrupted.

    \b
    Examples:
      per-audit compare --before HEAD --results progress.csv --metric return -- python train.py --seed {seed}
      per-audit compare --before main --after my-branch --results 'runs/' --metric rollout/ep_rew_mean \\
          -- python train.py --seed {seed}
      per-audit compare --before ../original --pattern 'step (?P<step>\\d+): return (?P<value>\\S+)' \\
          --format html --output compare.html -- .venv/bin/python train.py {seed}
    """
    source = Source(metric, results, pattern, step)
    options = Options(
        before, after, command_, source, seeds, first_seed, lower_is_better, horizon, timeout, jobs, keep, fresh, ray
    )
    progress = _Progress(quiet)
    with _ended_like_ctrl_c():
        try:
            found = run(options, say=progress)
        except KeyboardInterrupt:
            click.echo(f"per-audit: {progress.done} runs are kept; the same command goes on from there", err=True)
            raise
    if format in _DOCUMENTS:
        text = _DOCUMENTS[format].render(found)
    else:
        width = shutil.get_terminal_size((120, 40)).columns if output is None and sys.stdout.isatty() else 120
        text = comparison_text.render(found, wants_colour(output), width)
    emit(text, output)
    context.exit(3 if strict and found.verdict is Verdict.INCONCLUSIVE else _CODES.get(found.verdict, 2))


class _Progress:
    """A line on standard error for each run."""

    def __init__(self, quiet: bool) -> None:
        self._quiet = quiet
        self._started = time.monotonic()
        self._fresh = self.done = 0

    def __call__(self, run: Run, done: int, total: int) -> None:
        self.done = done
        self._fresh += not run.kept
        if self._quiet:
            return
        minutes = (time.monotonic() - self._started) / max(self._fresh, 1) * (total - done) / 60.0
        left = f", some {minutes:.0f} min left" if minutes >= 1.5 and self._fresh else ""
        ended = f"{run.curve.values[-1]:.4g} at the end" if run.curve is not None else f"{run.status}: {run.message}"
        took = "kept" if run.kept else f"{run.seconds:.1f} s"
        click.echo(f"[{done}/{total}] {run.arm} seed {run.seed} ({took}): {ended}{left}", err=True)


@contextmanager
def _ended_like_ctrl_c() -> Iterator[None]:
    """A polite request to end is heard: the runs are ended too, and the copies removed."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    names = [name for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {name: signal.signal(getattr(signal, name), interrupt) for name in names}
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(getattr(signal, name), handler)
