"""The command line. Each public module of this package is one command: its attribute `command` is a click command."""

from __future__ import annotations

import importlib
import os
import pkgutil
import shlex
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import click

from per_audit import __version__
from per_audit.errors import InternalError, UserError, in_a_line

if TYPE_CHECKING:
    from collections.abc import Sequence

USAGE_ERROR = 2
INTERRUPTED = 130


class Commands(click.Group):
    """Finds the commands by the names of the modules, and imports a module when its command is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """The names of all commands."""
        names = (info.name for info in pkgutil.iter_modules(__path__))
        return sorted(name.replace("_", "-") for name in names if not name.startswith("_"))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of this name."""
        if cmd_name not in self.list_commands(ctx):
            return None
        _require_working_directory()
        module = importlib.import_module(f"{__name__}.{cmd_name.replace('-', '_')}")
        command: click.Command = module.command
        return command


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="per-audit")
@click.option("--debug", is_flag=True, help="Show the traceback of an internal error.")
def group(debug: bool) -> None:
    """Audits, fixes and verifies the experience replay of existing reinforcement-learning code.

    \b
    Examples:
      per-audit scan .
      per-audit explain PER101
      per-audit COMMAND --help
    """


def _require_working_directory() -> None:
    """Raise UserError where the current directory was deleted: imports fail there in obscure ways."""
    try:
        Path.cwd()
    except OSError as error:
        raise UserError(
            f"the current directory does not exist any more ({error.strerror}); change to another"
        ) from error


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code: the command's own, 2 for errors, 130 when interrupted."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    with _Interrupts() as interrupts:
        try:
            ends = arguments is None  # the process does, with the command
            return group.main(given, prog_name="per-audit", standalone_mode=False, obj=ends) or 0
        except click.ClickException as error:
            error.show()
            return USAGE_ERROR
        except UserError as error:
            if error.__cause__ is not None and "--debug" in given:
                _print_traceback(error)
            return _fail(f"per-audit: error: {error}")
        except (click.Abort, KeyboardInterrupt):
            return _interrupted()
        except BrokenPipeError:
            # Whoever reads our output has gone away; the interpreter would complain when it flushes at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
        except Exception as error:
            return _interrupted() if interrupts.seen else _internal_error(error, given)


class _Interrupts:
    """Remembers Ctrl-C: in a callback from native code, KeyboardInterrupt is lost and shows as some other error."""

    def __init__(self) -> None:
        self.seen = False

    def __enter__(self) -> _Interrupts:
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGINT, self._remember)
        return self

    def __exit__(self, *_: object) -> None:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, self._before)

    def _remember(self, *_: object) -> None:
        self.seen = True
        raise KeyboardInterrupt


def _interrupted() -> int:
    _fail("per-audit: interrupted")
    return INTERRUPTED


def _internal_error(error: Exception, arguments: list[str]) -> int:
    if "--debug" in arguments:
        _print_traceback(error)
    what = str(error) if isinstance(error, InternalError) else in_a_line(error)
    _fail(f"per-audit: internal error: {what}")
    return _fail(
        "This is a defect of per-audit, not of the audited code. "
        f"For the traceback run: {shlex.join(['per-audit', '--debug', *_without_debug(arguments)])}"
    )


def _print_traceback(error: BaseException) -> None:
    import traceback

    traceback.print_exception(error)


def _without_debug(arguments: list[str]) -> list[str]:
    return [argument for argument in arguments if argument != "--debug"]


def _fail(message: str) -> int:
    click.echo(message, err=True)
    return USAGE_ERROR
