"""`per-audit scan`: say what is wrong with the experience replay of a project."""

from __future__ import annotations

from pathlib import Path

import click

from per_audit.cli._shared import Progress, baseline_options, emit, paths_argument, rule_options, wants_colour
from per_audit.report import FORMATS, Look, render
from per_audit.scan import Request, scan
from per_audit.settings import FAIL_ON, load, override
from per_audit.source import scan_root


@click.command()
@paths_argument
@click.option("--format", "format_", type=click.Choice(FORMATS), help="How to report; text by default.")
@click.option("--output", type=click.Path(path_type=Path), metavar="FILE", help="Write the report to FILE.")
@rule_options
@click.option("--fail-on", type=click.Choice(FAIL_ON), help="Exit 1 from this severity on; warning by default.")
@baseline_options
@click.option(
    "--since",
    metavar="REVISION",
    help="Only findings that touch lines changed since git REVISION; the whole project is still audited.",
)
@click.option("--no-gates", is_flag=True, help="Read every file in full: slower, with the same findings.")
@click.option("--quiet", "-q", is_flag=True, help="Findings only: no notices, no summary, no progress.")
@click.pass_context
def command(
    context: click.Context,
    paths: tuple[Path, ...],
    format_: str | None,
    output: Path | None,
    select: tuple[str, ...],
    ignore: tuple[str, ...],
    fail_on: str | None,
    no_config: bool,
    baseline: Path | None,
    update_baseline: bool,
    prune_baseline: bool,
    fail_on_stale: bool,
    since: str | None,
    no_gates: bool,
    quiet: bool,
) -> None:
    """Report what is wrong with the experience replay in PATHS (default: the current directory).

    The code is read, never imported or run. Exit codes: 0 nothing found, 1 findings at or above --fail-on,
    2 wrong usage, configuration or an internal error, 130 interrupted.

    \b
    Examples:
      per-audit scan
      per-audit scan src train.py --select PER0,weights-broadcast
      per-audit scan --format json --output report.json --fail-on never
      per-audit scan --baseline known.json --update-baseline
      per-audit scan --baseline known.json --fail-on-stale
      per-audit scan --since origin/main
    """
    named = paths or (Path(),)
    root = scan_root(named)
    settings = override(
        load(root, use_config=not no_config),
        select,
        ignore,
        format=format_,
        fail_on=fail_on,
        baseline=None if baseline is None else str(baseline.absolute()),
        gates=False if no_gates else None,
    )
    request = Request(since, update_baseline, prune_baseline, fail_on_stale)
    with Progress("auditing", quiet) as progress:
        result = scan(root, [path.resolve() for path in named], settings, request, progress, jobs=None)
    emit(render(result.report, settings.format, Look(wants_colour(output), quiet)), output)
    if result.said and not quiet:
        click.echo(f"per-audit: {result.said}", err=True)
    context.exit(result.exit_code)
