"""What the audit says: findings, their evidence, notices, and the report that holds them."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from per_audit.errors import Failure


class Severity(str, enum.Enum):
    """How much a finding matters: error = learning is wrong, warning = slower, biased or fragile, info = policy."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"

    @property
    def rank(self) -> int:
        """2 for error, 1 for warning, 0 for info."""
        return {"error": 2, "warning": 1, "info": 0}[self.value]


class Applicability(str, enum.Enum):
    """What may be done with a fix without a person looking at it."""

    SAFE = "safe"
    UNSAFE = "unsafe"
    MANUAL = "manual"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Place:
    """A range of a file. Lines count from 1, columns from 1 in characters; the end column is exclusive.

    In a notebook the lines are those of the cell: `cell` counts from 1, cells of all kinds included.
    """

    path: str
    line: int
    column: int
    end_line: int
    end_column: int
    cell: int | None = None

    def __lt__(self, other: Place) -> bool:
        return self._key < other._key

    @property
    def _key(self) -> tuple[str, int, int, int, int, int]:
        return self.path, self.cell or 0, self.line, self.column, self.end_line, self.end_column


def spot(path: str, cell: int | None, *numbers: int) -> str:
    """A position for people: `train.py:3:5`, `train.ipynb:cell 7:3:5`."""
    return ":".join([path, *([f"cell {cell}"] if cell else []), *map(str, numbers)])


@dataclass(frozen=True, slots=True)
class Evidence:
    """One link of the chain that proves a finding: a place, its role (buffer, store, draw, loss...) and a note."""

    place: Place
    role: str
    note: str


@dataclass(frozen=True, slots=True)
class FixOffer:
    """Whether `per-audit fix` can repair the finding, by which recipe, and why not where it cannot."""

    applicability: Applicability = Applicability.NONE
    recipe: str | None = None
    title: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """One defect: `rule` is the code, `name` the rule's name, `symbol` what it is about (`ReplayBuffer.sample`).

    `form` is a slug for which of its rule's defects it is, where recipes treat them differently.
    """

    rule: str
    name: str
    severity: Severity
    confidence: str
    message: str
    place: Place
    symbol: str
    evidence: tuple[Evidence, ...] = ()
    fix: FixOffer = FixOffer()
    pipeline: str | None = None
    form: str = ""
    id: str = ""


@dataclass(frozen=True, slots=True)
class Notice:
    """Something the user should know that is no defect of theirs: `kind` is a slug such as `unparsable-file`."""

    path: str
    line: int
    kind: str
    message: str
    cell: int | None = None


@dataclass(slots=True)
class Report:
    """The result of a scan. `pipelines` holds JSON-ready descriptions of the replay pipelines that were seen.

    Not among `findings` are those `suppressed` by comments, those `known` to the baseline, and those that nothing
    touched which has changed since a revision (`unchanged`). `stale` counts what the baseline knows and is gone.
    `unsaved` holds the files that were audited with other contents than those on the disk. `failures` are the steps in
    which per-audit itself failed: what they would have found is missing.
    """

    root: str
    findings: list[Finding] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    pipelines: list[dict[str, Any]] = field(default_factory=list)
    files: int = 0
    suppressed: int = 0
    known: int = 0
    stale: int = 0
    unchanged: int = 0
    unsaved: Mapping[str, bytes] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)

    def fails(self, fail_on: str) -> bool:
        """Whether a finding is as severe as `fail_on`: "error", "warning", "info" or "never"."""
        if fail_on == "never":
            return False
        return any(finding.severity.rank >= Severity(fail_on).rank for finding in self.findings)
