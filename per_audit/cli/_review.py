"""The questions of `fix --interactive`, on the terminal."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import click

from per_audit.fixes.edits import EditError, Text
from per_audit.fixes.review import Answer
from per_audit.report import Look, fix_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from per_audit.fixes.plan import Plan
    from per_audit.fixes.transaction import Change

_HELP = """y - make this fix
n - leave it
a - make it, and all safe ones after it; those that rest on an assumption are still asked about
q - neither make it nor any after it; what was answered with yes is written
e - edit the result first; it is audited again
Ctrl-C - leave everything as it is
"""
_ANSWERS = {"y": Answer.YES, "n": Answer.NO, "a": Answer.ALL, "q": Answer.QUIT, "e": Answer.EDIT}


class TerminalReview:
    """Shows each fix as a diff on standard error, and reads a letter."""

    def __init__(self, look: Look) -> None:
        self._look = look

    def ask(self, plan: Plan, changes: list[Change]) -> Answer:
        """The person's answer; anything but one of the letters shows what they mean."""
        click.echo(fix_text.render_question(plan, changes, self._look), nl=False, err=True)
        while True:
            letter = click.prompt("Make this fix? [y,n,a,q,e,?]", prompt_suffix=" ", err=True).strip().lower()
            if letter in _ANSWERS:
                return _ANSWERS[letter]
            click.echo(_HELP, nl=False, err=True)

    def edited(self, changes: list[Change]) -> Mapping[str, bytes] | None:
        """The files as they come back from the person's editor."""
        try:
            written = {change.path: _edited(change) for change in changes}
        except (EditError, click.ClickException) as error:
            self.refused(str(error) if isinstance(error, EditError) else error.format_message())
            return None
        return {path: data for path, data in written.items() if data is not None} or None

    def refused(self, problem: str) -> None:
        """Say why what the person wrote is not kept."""
        click.echo(f"Not kept: {problem}", err=True)


def _edited(change: Change) -> bytes | None:
    """A file as it comes back from the editor, in its own encoding and line endings; None where it was not saved."""
    text = Text.of(change.after or b"")
    written = click.edit(text.body.decode(), extension=PurePosixPath(change.path).suffix, require_save=True)
    if written is None:
        return None
    body = written.replace("\r\n", "\n").replace("\n", text.newline).encode()
    return Text(body, text.encoding).encoded()
