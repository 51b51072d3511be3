"""What a run of `per-audit fix` did, or would do."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from per_audit.fixes.diff import unified_diff

if TYPE_CHECKING:
    from pathlib import Path

    from per_audit.findings import Report
    from per_audit.fixes.plan import FixOptions, Plan
    from per_audit.fixes.transaction import Change


class Why(str, enum.Enum):
    """Why a plan was not applied."""

    UNSAFE = "unsafe"  # rests on an assumption and was not asked for
    MANUAL = "manual"  # needs a person
    NONE = "none"  # no recipe
    FAILED = "failed"  # its result did not pass the checks
    DECLINED = "declined"  # a person was asked and did not want it


@dataclass(frozen=True, slots=True)
class Refusal:
    """A plan that was not applied."""

    plan: Plan
    why: Why
    reason: str


@dataclass(slots=True)
class FixResult:
    """What was done. Paths are relative to `root`; `project` is where the state and the undo journal are.

    `changes` holds the user's files before the copied ones; `report` is what an audit says of the result, restricted
    to the rules that were asked for.
    """

    root: Path
    project: Path
    options: FixOptions
    report: Report
    fail_on: str
    applied: list[Plan] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    copied: list[Change] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    written: bool = False

    @property
    def diff(self) -> bytes:
        """All changes as a unified diff for `git apply` in the root."""
        return unified_diff([*self.changes, *self.copied])

    @property
    def exit_code(self) -> int:
        """0: done or nothing to do; 1: something was left unfixed. With `--diff` 1: something would change."""
        if self.options.diff:
            return int(bool(self.changes or self.copied))
        has_failed = any(refusal.why is Why.FAILED for refusal in self.refused)
        return int(has_failed or self.report.fails(self.fail_on))
