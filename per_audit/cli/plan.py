"""`per-audit plan`: what is to be done about the findings, step by step."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click

from per_audit.audit import audit
from per_audit.cache.facts import StoredFacts
from per_audit.cli._shared import Progress, emit, paths_argument, rule_options, wants_colour
from per_audit.fixes.agenda import agenda
from per_audit.fixes.plan import FixOptions
from per_audit.report import Look, plan_json, plan_markdown, plan_text
from per_audit.runtime import collector_paused
from per_audit.settings import load, override
from per_audit.source import scan_root


@click.command()
@paths_argument
@click.option(
    "--format",
    "format_",
    type=click.Choice(("text", "markdown", "json")),
    default="text",
    help="How to print; text by default.",
)
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Write to a file.")
@click.option(
    "--buffer",
    type=click.Choice(("per", "combined", "lap")),
    default="per",
    help="The buffer that `fix` would use, as for `fix`.",
)
@rule_options
@click.pass_context
def command(
    context: click.Context,
    paths: tuple[Path, ...],
    format_: Literal["text", "markdown", "json"],
    output: Path | None,
    buffer: Literal["per", "combined", "lap"],
    select: tuple[str, ...],
    ignore: tuple[str, ...],
    pedantic: bool,
    own_rules: tuple[Path, ...],
    no_config: bool,
) -> None:
    """Say what is to be done about the findings in PATHS (default: the current directory), step by step.

    For each replay pipeline: the steps in order, with the places and lines that they are about, why `fix` stops where
    it does, what must hold afterwards, and the commands that check it. Where `fix` would do it the steps are its
    edits. Nothing is changed. Exit codes: 0 nothing to do, 1 there are tasks, 2 wrong usage, configuration or an
    internal error, 130 interrupted.

    \b
    Examples:
      per-audit plan
      per-audit plan src --select PER1 --format markdown --output TODO.md
      per-audit plan --format json
    """
    context.with_resource(collector_paused())
    named = paths or (Path(),)
    root = scan_root(named)
    settings = override(load(root, not no_config, own_rules), select, ignore, pedantic=pedantic or None)
    store = settings.store
    with Progress("planning", quiet=format_ != "text") as progress:
        cache = None if store is None else StoredFacts(store)
        resolved = [path.resolve() for path in named]
        found = agenda(audit(root, resolved, settings, progress, jobs=None, cache=cache), FixOptions(buffer=buffer))
    if format_ == "json":
        emit(plan_json.render(found), output)
    elif format_ == "markdown":
        emit(plan_markdown.render(found), output)
    else:
        emit(plan_text.render(found, Look(wants_colour(output))), output)
    context.exit(1 if found.tasks else 0)
