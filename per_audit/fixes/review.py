"""A person's word on each fix before it is kept."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from per_audit.fixes.plan import Plan
    from per_audit.fixes.transaction import Change


class Answer(str, enum.Enum):
    """What is to happen with a fix that has passed the checks."""

    YES = "yes"
    NO = "no"
    ALL = "all"  # this one and every safe one after it
    QUIT = "quit"  # neither this one nor any after it
    EDIT = "edit"  # with the contents that the person gives the files


class Review(Protocol):
    """Asks a person."""

    def ask(self, plan: Plan, changes: list[Change]) -> Answer:
        """What is to happen with the plan, which would make the changes."""

    def edited(self, changes: list[Change]) -> Mapping[str, bytes] | None:
        """The contents of the files as the person wants them, None where they were left as they are."""

    def refused(self, problem: str) -> None:
        """Say why what the person wrote is not kept."""
