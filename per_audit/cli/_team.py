"""The options of `per-audit scan` for code that others work on too."""

from __future__ import annotations

import sys
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from per_audit.cli._shared import Function

_OPTIONS = (
    click.option(
        "--baseline",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="Leave out the findings that FILE records as known.",
    ),
    click.option("--update-baseline", is_flag=True, help="Make the baseline what is found now, and nothing else."),
    click.option("--prune-baseline", is_flag=True, help="Remove from the baseline what is gone, and add nothing."),
    click.option("--fail-on-stale", is_flag=True, help="Exit 1, too, where findings of the baseline are gone."),
    click.option(
        "--since",
        metavar="REVISION",
        help="Only findings that touch lines changed since git REVISION; the whole project is still audited.",
    ),
    click.option(
        "--stdin-filename",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="With the path `-`: standard input is the text of FILE; only its findings are reported.",
    ),
    click.option("--statistics", is_flag=True, help="How many findings each rule has, instead of the findings."),
    click.option("--show-settings", is_flag=True, help="The settings in force and where they come from; no scan."),
    click.option("--show-files", is_flag=True, help="The files that would be read; no scan."),
    click.option("--watch", is_flag=True, help="Scan again whenever a file changes, until interrupted."),
)


# Each says something of what is done, and two of them cannot both be done.
_APART = (
    {"update_baseline", "prune_baseline", "watch"},
    {"statistics", "show_settings", "show_files"},
    {"watch", "show_settings"},
    {"watch", "show_files"},
    {"watch", "stdin_filename"},
)


@dataclass(frozen=True, slots=True)
class TeamOptions:
    """The options by their names."""

    baseline: Path | None
    update_baseline: bool
    prune_baseline: bool
    fail_on_stale: bool
    since: str | None
    stdin_filename: Path | None
    statistics: bool
    show_settings: bool
    show_files: bool
    watch: bool

    def __post_init__(self) -> None:
        given = [field.name for field in fields(self) if getattr(self, field.name)]
        for names in _APART:
            clash = [f"--{name.replace('_', '-')}" for name in given if name in names]
            if len(clash) > 1:
                raise click.UsageError(f"{clash[0]} and {clash[1]} do not go together; leave one out.")


def team_options(function: Function) -> Function:
    """All of them; the function takes them as the fields of TeamOptions."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def standard_input(paths: tuple[Path, ...], name: Path | None) -> tuple[tuple[Path, ...], tuple[Path, bytes] | None]:
    """The paths without `-`, and the file whose text standard input is. Raises UsageError for one without the other."""
    if Path("-") not in paths:
        if name is not None:
            raise click.UsageError("--stdin-filename goes with the path `-`: per-audit scan - --stdin-filename FILE")
        return paths, None
    if name is None:
        raise click.UsageError("`-` is standard input; say which file that is: --stdin-filename src/agent.py")
    return tuple(path for path in paths if path != Path("-")), (name.resolve(), sys.stdin.buffer.read())
