"""What a fix is before anything is written: byte edits to the files of one replay pipeline."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from per_audit.findings import Applicability


@dataclass(frozen=True, slots=True)
class Edit:
    """Replace the bytes [start, end) of a file by `text`.

    The offsets count in the file's text encoded as UTF-8, the BOM removed and the line endings as in the file; a
    "\\n" in `text` is written with the file's own line ending. `path` is POSIX and relative to the root. `note` tells
    the reader of the plan why.
    """

    path: str
    start: int
    end: int
    text: str
    note: str = ""


@dataclass(slots=True)
class Plan:
    """The change of one replay pipeline, or the repair of one defect in it: all of its files or none.

    `reason` names the assumption of an unsafe plan, or why a manual one cannot be applied. `imports` are the names
    that a file needs from experience_replay_optimizer, and, with a dot in them, modules of it that the edits import;
    `unneeded` are names that the edits may have left unused and whose imports go if nothing uses them any more.
    `findings` are the ids of the findings that the plan resolves. `steps` say what a person must do (manual) or check
    (safe and unsafe). `mends` is the code of the rule whose finding a repair is for, empty for a conversion. A plan
    that `shares` its findings is one of several, and they stay until the last of them has been applied.
    """

    pipeline: str
    title: str
    recipe: str
    applicability: Applicability
    reason: str = ""
    edits: list[Edit] = field(default_factory=list)
    imports: dict[str, set[str]] = field(default_factory=dict)
    unneeded: dict[str, set[str]] = field(default_factory=dict)
    findings: tuple[str, ...] = ()
    steps: tuple[str, ...] = ()
    mends: str = ""
    shares: bool = False

    @property
    def key(self) -> tuple[str, str, tuple[str, ...]]:
        """What identifies the plan over several rounds of planning."""
        return self.pipeline, self.recipe, tuple(sorted(self.findings))

    @property
    def paths(self) -> set[str]:
        """The files that the plan touches."""
        return {edit.path for edit in self.edits} | self.imports.keys()


@dataclass(frozen=True, slots=True)
class FixOptions:
    """What the user asked of `per-audit fix`.

    `delivery` says how the project gets the reference buffers: None decides by the project's declared dependencies.
    `priority` says how the TD errors of several critics become one. Which rules are meant is in the settings.
    """

    diff: bool = False
    unsafe: bool = False
    buffer: Literal["per", "combined", "lap"] = "per"
    delivery: Literal["dependency", "vendor"] | None = None
    allow_dirty: bool = False
    priority: Literal["max", "mean"] = "max"
