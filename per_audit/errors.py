"""The errors that a user is meant to read."""

from __future__ import annotations


class UserError(Exception):
    """Bad input: the message names the file, the value and the remedy. The command line prints it and exits 2."""


class InternalError(Exception):
    """A defect of per-audit itself: the message says in which step and on which input it showed."""


def in_a_line(error: BaseException, limit: int = 200) -> str:
    """The kind of an error and what it says, shortened: a message may hold a whole syntax tree."""
    said = " ".join(str(error).split())
    text = f"{type(error).__name__}: {said}"
    return text if len(text) <= limit else text[: limit - 3] + "..."
