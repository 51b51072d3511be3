"""What a verification says: verdicts, one result a check, one report a target."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import Any


class Verdict(str, enum.Enum):
    """The outcome of one check. `ERROR` means that nothing was measured; it is never a fault of the buffer."""

    PASS = "PASS"
    FAIL = "FAIL"
    REGRESSION = "REGRESSION"
    INCONCLUSIVE = "INCONCLUSIVE"
    NOT_PROVIDED = "NOT PROVIDED"
    ERROR = "ERROR"


# From the gravest: the first one that occurs is the verdict of the whole.
_ORDER = (Verdict.FAIL, Verdict.REGRESSION, Verdict.ERROR, Verdict.INCONCLUSIVE, Verdict.PASS, Verdict.NOT_PROVIDED)


def worst(verdicts: list[Verdict]) -> Verdict:
    """The verdict of the whole; a property that is not provided does not lower a PASS. No verdicts: `ERROR`."""
    return next((verdict for verdict in _ORDER if verdict in verdicts), Verdict.ERROR)


@dataclass(frozen=True)
class Outcome:
    """What a check's judge decides: `statistic` and `threshold` are None where the check has no number to show."""

    verdict: Verdict
    statistic: float | None
    threshold: float | None
    message: str


@dataclass(frozen=True)
class Series:
    """Points (x, y) of a picture, drawn as `dots`, a `line`, `bars` or a `band`: `measured`, or what is expected.

    The points of a band are its outline.
    """

    name: str
    points: tuple[tuple[float, float], ...]
    form: str
    measured: bool


@dataclass(frozen=True)
class Picture:
    """What a report may draw of a check: axes with their names, logarithmic both where `log`."""

    title: str
    x: str
    y: str
    series: tuple[Series, ...]
    log: bool = False


@dataclass(frozen=True)
class CheckResult:
    """One check of one target: it passes where `statistic`, of the name `statistic_name`, is `relation` `threshold`."""

    check: str
    verdict: Verdict
    statistic: float | None
    threshold: float | None
    seed: int
    seconds: float
    message: str
    statistic_name: str = ""
    relation: str = "<="
    picture: Picture | None = None


@dataclass
class TargetResult:
    """Everything about one target: `mapping` is the inferred adapter in words, `files` the text of each source file.

    `callers` are the files, relative to the project, that use the buffer, where the project as a whole was verified;
    `static` says that nothing was run.
    """

    target: str
    mapping: dict[str, str] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    checks: list[CheckResult] = field(default_factory=list)
    files: dict[str, str] = field(default_factory=dict)
    output: str = ""
    callers: tuple[str, ...] = ()
    static: bool = False

    @property
    def verdict(self) -> Verdict:
        """The gravest verdict of the checks."""
        return worst([check.verdict for check in self.checks])


@dataclass
class Verification:
    """The result of `verify`: one entry a target, in the order named. `complete`: no behavioural check was left out."""

    targets: list[TargetResult]
    seed: int
    complete: bool
    seconds: float = 0.0

    @property
    def verdict(self) -> Verdict:
        """The gravest verdict of the targets."""
        return worst([target.verdict for target in self.targets])

    def exit_code(self, strict: bool = False) -> int:
        """3 for FAIL or REGRESSION, 2 for ERROR, else 0; `strict` makes INCONCLUSIVE and NOT PROVIDED 3 as well."""
        found = {check.verdict for target in self.targets for check in target.checks}
        if found & {Verdict.FAIL, Verdict.REGRESSION}:
            return 3
        if Verdict.ERROR in found or not found:
            return 2
        return 3 if strict and found & {Verdict.INCONCLUSIVE, Verdict.NOT_PROVIDED} else 0
