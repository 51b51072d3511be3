"""`per-audit undo`: take the last fix back."""

from __future__ import annotations

from pathlib import Path

import click

from per_audit.cli._shared import emit, wants_colour
from per_audit.fixes.journal import undo
from per_audit.report import Look, fix_text
from per_audit.source import project_root


@click.command()
@click.argument("path", type=click.Path(exists=True, path_type=Path), default=Path())
def command(path: Path) -> None:
    """Take back the last `per-audit fix` in the project of PATH (default: the current directory).

    Every file gets its former bytes; where one was changed since, nothing is done. Run it again for the fix before.
    Exit codes: 0 done or nothing to do, 2 refused.

    \b
    Examples:
      per-audit undo
      per-audit undo ./project
    """
    project = project_root(path)
    emit(fix_text.render_undone(undo(project), project, Look(wants_colour())))
