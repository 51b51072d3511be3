"""What several commands share: options, progress on the terminal, and writing a result."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from per_audit.errors import UserError

if TYPE_CHECKING:
    from types import TracebackType

Function = TypeVar("Function", bound=Callable[..., Any])

_LONG = 1.0
_BAR = 30


def paths_argument(function: Function) -> Function:
    """PATHS, by default the current directory."""
    return click.argument("paths", nargs=-1, type=click.Path(path_type=Path))(function)


def rule_options(function: Function) -> Function:
    """--select, --ignore, --pedantic, --rules and --no-config."""
    function = own_rules_options(function)
    for option in (
        click.option("--pedantic", is_flag=True, help="Also the rules that are off because practice differs."),
        click.option("--ignore", multiple=True, metavar="RULES", help="Leave these rules out."),
        click.option(
            "--select", multiple=True, metavar="RULES", help="Only these rules: codes, names or prefixes, by comma."
        ),
    ):
        function = option(function)
    return function


def own_rules_options(function: Function) -> Function:
    """--rules and --no-config."""
    for option in (
        click.option("--no-config", is_flag=True, help="Ignore [tool.per-audit], and rules of installed packages."),
        click.option(
            "--rules",
            "own_rules",
            multiple=True,
            type=click.Path(path_type=Path),
            metavar="PATH",
            help="Also the rules of this file or folder of yours; it is run.",
        ),
    ):
        function = option(function)
    return function


def cache_options(function: Function) -> Function:
    """--cache-dir and --no-cache."""
    for option in (
        click.option("--no-cache", is_flag=True, help="Neither use nor keep anything of other runs."),
        click.option(
            "--cache-dir", type=click.Path(path_type=Path), metavar="DIR", help="Where to keep what other runs can use."
        ),
    ):
        function = option(function)
    return function


class Progress:
    """A bar on standard error: only on a terminal, and only once a run has taken a second."""

    def __init__(self, label: str, quiet: bool = False) -> None:
        self._label = label
        self._on = sys.stderr.isatty() and not quiet
        self._next = time.monotonic() + _LONG
        self._shown = False

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        if self._shown:
            click.echo("\r\x1b[K", nl=False, err=True)

    def __call__(self, done: int, total: int) -> None:
        """Say that `done` of `total` steps are behind us."""
        now = time.monotonic()
        if not self._on or now < self._next:
            return
        self._next = now + 0.1
        self._shown = True
        filled = _BAR * done // max(total, 1)
        click.echo(f"\r{self._label} [{'#' * filled:{_BAR}}] {done}/{total}", nl=False, err=True)


def wants_colour(output: Path | None = None) -> bool:
    """Whether standard output shows colours: a terminal, unless NO_COLOR is set."""
    return output is None and sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def emit(text: str, output: Path | None = None) -> None:
    """Write a result to a file, or to standard output: as UTF-8 to a file, as the terminal can show it there.

    A reader that closes the pipe early (`| head`) is no error and does not change the exit code.
    """
    if output is not None:
        try:
            output.write_text(text, encoding="utf-8", newline="\n")
        except OSError as error:
            raise UserError(f"{output}: cannot be written ({error.strerror}); choose another --output") from error
        return
    encoding = sys.stdout.encoding or "utf-8"
    try:
        sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding))
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
