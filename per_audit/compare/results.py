"""What a comparison says: every run, both arms on a common horizon, and the verdict."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from per_audit.verify.results import Verdict

OK, CRASHED, TIMED_OUT, UNREADABLE = "ok", "crashed", "timed out", "no metric"


@dataclass(frozen=True)
class Curve:
    """What one run measured: `values` at `steps`, which do not fall; `axis` names the steps."""

    steps: tuple[float, ...]
    values: tuple[float, ...]
    axis: str


@dataclass(frozen=True)
class Run:
    """One run of the command: `status` is OK or what went wrong, `message` says more, `kept` means not run anew."""

    arm: str
    seed: int
    status: str
    seconds: float
    message: str = ""
    curve: Curve | None = None
    kept: bool = False


@dataclass(frozen=True)
class Interval:
    """A number with the interval that holds it in 95 of 100 bootstrap samples; without bounds from too few runs."""

    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Arm:
    """One arm: its runs by seed, and the interquartile means over them.

    `score` is of the mean of the metric over the horizon, run by run in `scores`; `final` of its mean over the last
    tenth; `steps_to_level` of the steps until the level is reached. `curve` is [step, mean, low, high] a point.
    """

    name: str
    tree: str
    words: str
    runs: tuple[Run, ...]
    scores: tuple[float, ...] = ()
    score: Interval | None = None
    final: Interval | None = None
    steps_to_level: Interval | None = None
    reached: int = 0
    curve: tuple[tuple[float, float, float, float], ...] = ()

    @property
    def unfinished(self) -> int:
        """How many runs did not finish."""
        return sum(1 for run in self.runs if run.status != OK)


@dataclass
class Comparison:
    """The result of `compare`.

    `difference` is after - before of the scores' interquartile means and `p` what the permutation test says of it, None
    where nothing could be compared. The metric, read from `source`, is compared from `start` to `end` of
    `axis`. `level` is where `steps_to_level` counts to.
    """

    verdict: Verdict
    message: str
    command: tuple[str, ...]
    metric: str
    source: str
    lower_is_better: bool
    before: Arm
    after: Arm
    axis: str = ""
    start: float = 0.0
    end: float = 0.0
    difference: Interval | None = None
    p: float | None = None
    level: float | None = None
    notes: list[str] = field(default_factory=list)
    seconds: float = 0.0
