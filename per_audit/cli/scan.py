"""`per-audit scan`: say what is wrong with the experience replay of a project."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from per_audit.cache.facts import StoredFacts
from per_audit.cli._shared import Progress, cache_options, emit, paths_argument, rule_options, wants_colour
from per_audit.cli._team import TeamOptions, standard_input, team_options
from per_audit.report import FORMATS, Look, render
from per_audit.runtime import collector_paused, collector_stopped
from per_audit.scan import Request, places, scan
from per_audit.settings import FAIL_ON, Settings, load, override
from per_audit.source import discover
from per_audit.team.watch import forget_old, pauses, watch

if TYPE_CHECKING:
    from per_audit.audit import FactsCache
    from per_audit.cache import Store
    from per_audit.errors import UserError


@click.command()
@paths_argument
@click.option("--format", "format_", type=click.Choice(FORMATS), help="How to report; text by default.")
@click.option("--output", type=click.Path(path_type=Path), metavar="FILE", help="Write the report to FILE.")
@rule_options
@click.option("--fail-on", type=click.Choice(FAIL_ON), help="Exit 1 from this severity on; warning by default.")
@team_options
@click.option("--no-gates", is_flag=True, help="Read every file in full: slower, with the same findings.")
@click.option(
    "--jobs", type=click.IntRange(min=1), help="Processes that read and judge many files; one a processor by default."
)
@cache_options
@click.option("--quiet", "-q", is_flag=True, help="Findings only: no notices, no summary, no progress.")
@click.pass_context
def command(
    context: click.Context,
    /,
    paths: tuple[Path, ...],
    format_: str | None,
    output: Path | None,
    select: tuple[str, ...],
    ignore: tuple[str, ...],
    fail_on: str | None,
    pedantic: bool,
    own_rules: tuple[Path, ...],
    no_config: bool,
    no_gates: bool,
    jobs: int | None,
    no_cache: bool,
    cache_dir: Path | None,
    quiet: bool,
    **options: Any,
) -> None:
    """Report what is wrong with the experience replay in PATHS (default: the current directory).

    The code is read, never imported or run. Exit codes: 0 nothing found, 1 findings at or above --fail-on,
    2 wrong usage, configuration or an internal error, 130 interrupted. What the baseline, --since and suppression
    comments leave out counts for nothing.

    \b
    Examples:
      per-audit scan
      per-audit scan src train.py --select PER0,weights-broadcast
      per-audit scan --format json --output report.json --fail-on never
      per-audit scan --baseline known.json --update-baseline
      per-audit scan --baseline known.json --fail-on-stale
      per-audit scan --since origin/main
      per-audit scan - --stdin-filename src/agent.py < unsaved.py
      per-audit scan --watch
    """
    team = TeamOptions(**options)
    named, unsaved = standard_input(paths, team.stdin_filename)
    root, resolved = places(named, unsaved[0] if unsaved else None)
    request = Request(team.since, team.update_baseline, team.prune_baseline, team.fail_on_stale, unsaved)
    caches: dict[Store | None, FactsCache] = {}

    def settings() -> Settings:
        return override(
            load(root, use_config=not no_config, rules=own_rules),
            select,
            ignore,
            pedantic=pedantic or None,
            format=format_,
            fail_on=fail_on,
            baseline=None if team.baseline is None else str(team.baseline.absolute()),
            gates=False if no_gates else None,
            cache=False if no_cache else None,
            cache_dir=None if cache_dir is None else str(cache_dir.absolute()),
        )

    def report(chosen: Settings) -> int:
        store = chosen.store
        cache = caches.setdefault(store, {} if store is None else StoredFacts(store))
        with Progress("auditing", quiet) as progress:
            result = scan(root, resolved, chosen, request, progress, jobs, cache, store)
        if team.statistics:
            from per_audit.report import statistics

            text = statistics.render(result.report, chosen.format)
        else:
            text = render(result.report, chosen.format, Look(wants_colour(output), quiet))
        if team.watch:
            forget_old(cache)
        if team.watch and output is None:
            click.clear()
        emit(text, output)
        if result.said and (result.exit_code or not quiet):
            click.echo(f"per-audit: {result.said}", err=True)
        if failures := result.report.failures:
            raise failures[0].raised(len(failures) - 1)
        return result.exit_code

    if team.show_settings or team.show_files:
        from per_audit.report import effective

    if team.show_settings:
        chosen = settings()
        emit(effective.render_settings(root, chosen, chosen.chosen, chosen.format), output)
    elif team.show_files:
        chosen = settings()
        emit(effective.render_files(root, discover(root, resolved, chosen.filters).files, chosen.format), output)
    elif team.watch:
        watch(root, resolved, settings, report, _complain, pauses(root))
    else:
        if context.obj:
            collector_stopped()
        else:
            context.with_resource(collector_paused())
        context.exit(report(settings()))


def _complain(error: UserError) -> None:
    click.echo(f"per-audit: error: {error}", err=True)
