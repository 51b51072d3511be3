"""The errors that a user is meant to read."""

from __future__ import annotations


class UserError(Exception):
    """Bad input: the message names the file, the value and the remedy. The command line prints it and exits 2."""


class InternalError(Exception):
    """A defect of per-audit itself: the message says in which step and on which input it showed."""
