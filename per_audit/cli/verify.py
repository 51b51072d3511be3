"""`per-audit verify`: measure that replay buffers behave as prioritised experience replay must."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import click

from per_audit.cli._shared import Progress, emit, wants_colour
from per_audit.errors import UserError
from per_audit.report import (
    verification_html,
    verification_json,
    verification_junit,
    verification_markdown,
    verification_text,
)
from per_audit.source import marked_root, project_root
from per_audit.verify.record import check_record as matters_of
from per_audit.verify.record import write_record
from per_audit.verify.run import EFFICIENCY_MODES, Options, available_checks
from per_audit.verify.run import verify as run

_DOCUMENTS = {
    "json": verification_json,
    "junit": verification_junit,
    "markdown": verification_markdown,
    "html": verification_html,
}


def _list_checks(context: click.Context, _: click.Parameter, value: bool) -> None:
    if not value or context.resilient_parsing:
        return
    for name, check in available_checks().items():
        click.echo(f"{name}: {(check.__doc__ or '').splitlines()[0]}")
        click.echo(
            f"    statistic: {check.statistic}; false alarms: {check.error_rate}; does not see: {check.blind_spot}"
        )
    context.exit(0)


@click.command()
@click.argument("targets", nargs=-1, metavar="[TARGET]...")
@click.option("--adapter", type=click.Path(path_type=Path), metavar="FILE", help="Drive the class by this file.")
@click.option("--check", "checks", multiple=True, metavar="NAME", help="Only this check; may be repeated.")
@click.option(
    "--list-checks",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_list_checks,
    help="Say what each check tests, and stop.",
)
@click.option(
    "--efficiency",
    type=click.Choice(EFFICIENCY_MODES),
    default="quick",
    help="The learning benchmark; quick by default, full takes minutes.",
)
@click.option("--seed", type=click.IntRange(0, 2**31), default=0, help="Seed of the checks; 0 by default.")
@click.option("--timeout", type=float, metavar="SECONDS", help="Time for each target; 120 by default, full 1800.")
@click.option("--memory", type=int, default=2048, metavar="MB", help="Memory for each target; 2048 by default.")
@click.option("--python", default=sys.executable, metavar="PATH", help="Interpreter that runs the target's code.")
@click.option(
    "--format", type=click.Choice(("text", *_DOCUMENTS)), default="text", help="How to report; text by default."
)
@click.option("--output", type=click.Path(path_type=Path), metavar="FILE", help="Write the report to FILE.")
@click.option("--record/--no-record", default=None, help="Write .per-audit/record.json; by default inside a project.")
@click.option("--check-record", is_flag=True, help="Run nothing: is the record good, and the code still that?")
@click.option("--strict", is_flag=True, help="Exit 3 for INCONCLUSIVE and NOT PROVIDED as well.")
@click.option("--quiet", "-q", is_flag=True, help="No progress, and no word of the record.")
@click.pass_context
def command(
    context: click.Context,
    targets: tuple[str, ...],
    adapter: Path | None,
    checks: tuple[str, ...],
    efficiency: str,
    seed: int,
    timeout: float | None,
    memory: int,
    python: str,
    format: str,  # noqa: A002
    output: Path | None,
    record: bool | None,
    check_record: bool,
    strict: bool,
    quiet: bool,
) -> None:
    """Measure that replay buffers behave as prioritised experience replay must.

    TARGET is path/file.py:Class, package.module:Class, or a directory, whose replay buffers the audit finds; without
    one the bundled buffers are verified. The target's code runs in a child process with limits on time and memory.
    Exit codes: 0 PASS, INCONCLUSIVE or NOT PROVIDED, 3 FAIL or REGRESSION, 2 ERROR or wrong usage, 130 interrupted.

    \b
    Examples:
      per-audit verify
      per-audit verify agents/replay.py:PrioritizedBuffer
      per-audit verify .
      per-audit verify --check-record
      per-audit verify agents.replay:PrioritizedBuffer --python .venv/bin/python --format json
      per-audit verify replay.py:Memory --format html --output report.html
      per-audit verify replay.py:Memory --adapter memory_adapter.py --check frequencies --check weights
    """
    if check_record:
        if targets:
            raise UserError("--check-record looks at the whole record; name no TARGET")
        context.exit(_check_record(project_root(Path.cwd())))
    options = Options(adapter, checks, efficiency, seed, timeout, memory, python)
    here = Path.cwd()
    with Progress("verifying", quiet) as progress:
        result = run(targets, options, progress)
    if format in _DOCUMENTS:
        text = _DOCUMENTS[format].render(result)
    else:
        width = shutil.get_terminal_size((120, 40)).columns if output is None and sys.stdout.isatty() else 120
        text = verification_text.render(result, wants_colour(output), width)
    emit(text, output)
    root = marked_root(here)
    if record or (record is None and root is not None and result.complete):
        path = write_record(root or here, result)
        if not quiet:
            click.echo(f"per-audit: recorded in {path}", err=True)
    context.exit(result.exit_code(strict))


def _check_record(root: Path) -> int:
    matters = matters_of(root)
    for target, matter in matters:
        click.echo(f"{target}: {matter or 'verified, and unchanged since'}")
    return 3 if any(matter for _, matter in matters) else 0


verify = command
