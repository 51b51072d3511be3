"""The errors that a user is meant to read."""

from __future__ import annotations

import traceback
from dataclasses import dataclass


class UserError(Exception):
    """Bad input: the message names the file, the value and the remedy. The command line prints it and exits 2."""


class InternalError(Exception):
    """A defect of per-audit itself: the message says in which step and on which input it showed."""


@dataclass(frozen=True, slots=True)
class Failure:
    """An internal error after which the rest of an audit went on: what failed on what, and the traceback."""

    message: str
    traceback: str

    @classmethod
    def of(cls, doing: str, error: BaseException) -> Failure:
        """The failure of a step, said by what it was doing."""
        return cls(f"{doing} failed: {in_a_line(error)}", "".join(traceback.format_exception(error)))

    def raised(self, more: int = 0) -> InternalError:
        """The error to raise for it, with the traceback as its cause; `more` others failed as well."""
        error = InternalError(self.message + (f" (and {more} more)" if more else ""))
        error.__cause__ = _Elsewhere(f"\n{self.traceback}")
        return error


class _Elsewhere(Exception):
    """Shows the traceback of an error that was caught earlier, maybe in another process."""


def in_a_line(error: BaseException, limit: int = 200) -> str:
    """The kind of an error and what it says, shortened: a message may hold a whole syntax tree."""
    said = " ".join(str(error).split())
    text = f"{type(error).__name__}: {said}"
    return text if len(text) <= limit else text[: limit - 3] + "..."
