"""`per-audit fix`: rewrite code onto the reference buffers."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click

from per_audit.cache.facts import StoredFacts
from per_audit.cli._review import TerminalReview
from per_audit.cli._shared import Progress, emit, paths_argument, rule_options, wants_colour
from per_audit.fixes.plan import FixOptions
from per_audit.fixes.run import fix
from per_audit.report import Look, fix_json, fix_text
from per_audit.runtime import collector_paused
from per_audit.settings import load, override
from per_audit.source import scan_root


@click.command()
@paths_argument
@click.option("--diff", is_flag=True, help="Write nothing; print what would change, for `git apply`.")
@click.option("-i", "--interactive", is_flag=True, help="Show each fix as a diff and ask; unsafe ones as well.")
@click.option("--unsafe-fixes", is_flag=True, help="Also apply fixes that rest on an assumption, which they name.")
@click.option(
    "--buffer",
    type=click.Choice(("per", "combined", "lap")),
    default="per",
    help="The buffer to use: prioritised; prioritised + recent + rare (keeps rare events); or loss-adjusted, for"
    " actor-critic code.",
)
@click.option(
    "--priority",
    type=click.Choice(("max", "mean")),
    default="max",
    help="With several critics, the priority is the largest or the mean |TD error|.",
)
@click.option(
    "--dependency",
    "delivery",
    flag_value="dependency",
    help="Declare per-audit in the project's dependencies rather than copy the buffers.",
)
@click.option(
    "--vendor",
    "delivery",
    flag_value="vendor",
    help="Copy the buffers into the project; the default unless per-audit is declared.",
)
@click.option("--allow-dirty", is_flag=True, help="Fix files that have changes not committed in git.")
@click.option(
    "--format", "format_", type=click.Choice(("text", "json")), default="text", help="How to report; text by default."
)
@rule_options
@click.pass_context
def command(
    context: click.Context,
    paths: tuple[Path, ...],
    diff: bool,
    interactive: bool,
    unsafe_fixes: bool,
    buffer: Literal["per", "combined", "lap"],
    priority: Literal["max", "mean"],
    delivery: Literal["dependency", "vendor"] | None,
    allow_dirty: bool,
    format_: str,
    select: tuple[str, ...],
    ignore: tuple[str, ...],
    pedantic: bool,
    own_rules: tuple[Path, ...],
    no_config: bool,
) -> None:
    """Fix the experience replay in PATHS (default: the current directory).

    Each replay pipeline is changed in all its files or not at all, and only where a second audit approves of the
    result; `per-audit undo` takes everything back. On a terminal --diff only names the files that it would copy.
    --interactive asks about one fix after the other; nothing is written before the last answer, or after Ctrl-C.
    Exit codes: 0 done or nothing to do, 1 something was left unfixed (--diff: something would change), 2 wrong usage,
    configuration or an internal error, 130 interrupted.

    \b
    Examples:
      per-audit fix --diff
      per-audit fix src --unsafe-fixes --buffer combined
      per-audit fix --interactive
      per-audit fix --diff > per.patch && git apply per.patch
    """
    if interactive and (diff or format_ == "json"):
        raise click.UsageError(f"--interactive and {'--diff' if diff else '--format json'} exclude each other.")
    context.with_resource(collector_paused())
    named = paths or (Path(),)
    root = scan_root(named)
    settings = override(load(root, not no_config, own_rules), select, ignore, pedantic=pedantic or None)
    options = FixOptions(
        diff=diff,
        unsafe=unsafe_fixes or interactive,
        buffer=buffer,
        delivery=delivery,
        allow_dirty=allow_dirty,
        priority=priority,
    )
    look = Look(wants_colour())
    review = TerminalReview(look) if interactive else None
    with Progress("fixing", quiet=interactive or format_ == "json") as progress:
        store = settings.store
        cache = None if store is None else StoredFacts(store)
        result = fix(root, [path.resolve() for path in named], settings, options, progress, None, cache, review)
    if format_ == "json":
        emit(fix_json.render(result))
    elif diff:
        if look.colour:
            emit(fix_text.render_diff(result, look))
        else:
            click.echo(result.diff, nl=False)
        click.echo(fix_text.render(result), nl=False, err=True)
    else:
        emit(fix_text.render(result, look))
    context.exit(result.exit_code)
