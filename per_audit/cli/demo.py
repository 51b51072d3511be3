"""`per-audit demo`: see it work on an example."""

from __future__ import annotations

from pathlib import Path

import click

from per_audit.cli._shared import emit, wants_colour
from per_audit.demo import demo
from per_audit.report import Look


@click.command()
@click.argument("directory", type=click.Path(path_type=Path), required=False)
@click.pass_context
def command(context: click.Context, directory: Path | None) -> None:
    """Scan, fix and verify an example project in DIRECTORY (default: a new temporary one).

    The directory must be empty or not exist yet; the project stays there to look at. Takes less than two minutes.
    Exit codes: 0 the fixed project scans clean and its buffers pass, 1 they do not, 2 wrong usage.

    \b
    Examples:
      per-audit demo
      per-audit demo ./per-audit-demo
    """
    context.exit(demo(directory, Look(wants_colour()), emit))
