"""Learning efficiency, full mode: larger cliffwalks, a rare reward, a grid of step sizes, both arms at their best."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from per_audit.verify import statistics
from per_audit.verify.check import Check
from per_audit.verify.efficiency import STEP, WORDING, Cliffwalk, RareReward, Task, run_arms
from per_audit.verify.results import Outcome, Picture, Series, Verdict

if TYPE_CHECKING:
    from per_audit.verify.child.bench import Bench

STEPS = (0.25, 0.5, 1.0, 1.5)
RUNS = 20
MAX_UPDATES = 200_000
_MOST_UNFINISHED = 0.1
_FASTER = 1.1


class Efficiency8(Check):
    """Updates that the Blind Cliffwalk, n = 8, takes with the class's own alpha and with 0, at four step sizes.

    Two ratios of interquartile means over 20 runs, control / prioritised, with 99 % bootstrap intervals. At the
    step size of Schaul et al. (2016), 1/4: PASS where the lower bound is above 1.1, REGRESSION where the upper one
    is below 1. With both arms at their best step size: REGRESSION where the upper bound is below 1, nothing else,
    for there the benchmark hardly favours prioritisation: it is deterministic, and with a step size of 1 one visit
    teaches a transition. No claim is made where more than 10 % of the control's runs did not finish, and none of
    the second kind where an arm's best step size lies at an end of the grid. As in the quick mode the weights are
    ignored and a share of rare events is switched off.
    """

    name: ClassVar[str] = "efficiency-8"
    order: ClassVar[int] = 228
    statistic: ClassVar[str] = "lower bound of the speed-up at step size 1/4 (99 %)"
    relation: ClassVar[str] = ">="
    error_rate: ClassVar[str] = "1e-2"
    blind_spot: ClassVar[str] = (
        "correctness (lost leaves and a double alpha pass), your task, the effect of the weights"
    )

    states: ClassVar[int] = 8
    steps: ClassVar[tuple[float, ...]] = STEPS
    title: ClassVar[str] = "Blind Cliffwalk, n = 8"

    def task(self) -> Task:
        """What is learnt."""
        return Cliffwalk(self.states)

    def probe(self, bench: Bench) -> dict[str, Any]:
        """Updates needed in every run of both arms, at each step size."""
        bench.need_update()
        task = self.task()
        found = [run_arms(bench, task, RUNS, step, MAX_UPDATES, rare_share=0.0) for step in self.steps]
        own = found[0].pop("own_control")
        return {"grid": [[one["control"], one["prioritised"]] for one in found], "own_control": own}

    def judge(self, measured: dict[str, Any], facts: dict[str, Any]) -> Outcome:  # noqa: ARG002
        """The gates first, then the two intervals."""
        control, prioritised = self._arms(measured)
        place = self.steps.index(STEP)
        ratio, low, high = statistics.ratio_of_iqm(control[place], prioritised[place], seed=0)
        means = [statistics.iqm(control), statistics.iqm(prioritised)]
        best = [int(mean.argmin()) for mean in means]
        top, bottom, above = statistics.ratio_of_iqm(control[best[0]], prioritised[best[1]], seed=0)
        arm = "the class at alpha = 0" if measured["own_control"] else "uniform draws by the harness"
        grid, task = self._grid(means), self.title.rpartition(", ")[2]
        text = (
            f"{task}, step size {STEP:g}: {ratio:.2f}x [{low:.2f}, {high:.2f}] against {arm}; best against "
            f"best: {top:.2f}x [{bottom:.2f}, {above:.2f}]; updates by step size, control / prioritised: {grid}"
        )
        unfinished = max(float(np.mean(control[cell] >= MAX_UPDATES)) for cell in (place, best[0]))
        at_the_end = any(cell in (0, len(self.steps) - 1) for cell in best)
        verdict = Verdict.INCONCLUSIVE
        if unfinished > _MOST_UNFINISHED:
            text = f"{unfinished:.0%} of the control runs did not finish; {text}"
        elif high < 1.0:
            verdict, text = Verdict.REGRESSION, f"{text}: slower than uniform draws"
        elif above < 1.0 and not at_the_end:
            verdict, text = Verdict.REGRESSION, f"{text}: slower than uniform draws with both at their best"
        elif low > _FASTER:
            verdict, text = Verdict.PASS, f"{text}: {WORDING}"
        else:
            text = f"{text}: neither faster nor slower for certain"
        if at_the_end:
            text += "; the best step size lies at an end of the grid, so best against best says nothing"
        return Outcome(verdict, low, _FASTER, text)

    def picture(self, measured: dict[str, Any], facts: dict[str, Any]) -> Picture | None:  # noqa: ARG002
        """Both arms over the grid."""
        control, prioritised = self._arms(measured)
        series = (
            Series("prioritised", self._points(prioritised), "line", True),
            Series("control", self._points(control), "line", False),
        )
        title = f"{self.title}: updates needed, interquartile mean of {RUNS} runs"
        return Picture(title, "step size", "updates", series, log=True)

    def _arms(self, measured: dict[str, Any]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        grid = np.array(measured["grid"], dtype=np.float64)
        if grid.shape[:2] != (len(self.steps), 2) or grid.size == 0:
            raise ValueError("a grid of another shape")
        return grid[:, 0], grid[:, 1]

    def _points(self, arm: npt.NDArray[np.float64]) -> tuple[tuple[float, float], ...]:
        return tuple(zip(self.steps, statistics.iqm(arm).tolist(), strict=True))

    def _grid(self, means: list[npt.NDArray[np.float64]]) -> str:
        cells = zip(self.steps, *means, strict=True)
        return ", ".join(f"{step:g}: {first:,.0f} / {second:,.0f}" for step, first, second in cells)


class Efficiency10(Efficiency8):
    """As `efficiency-8`, with n = 10: four times as many transitions, and the reward as rare again."""

    name = "efficiency-10"
    order = 230
    states = 10
    title = "Blind Cliffwalk, n = 10"


class Efficiency12(Efficiency8):
    """As `efficiency-8`, with n = 12: 8,190 transitions, two of which lead to the reward or miss it."""

    name = "efficiency-12"
    order = 232
    states = 12
    title = "Blind Cliffwalk, n = 12"


class EfficiencyRareReward(Efficiency8):
    """As `efficiency-8`, on a corridor of ten states of which the replay holds 4,000 steps of a walker: five are paid.

    Most of what is stored teaches nothing until the reward has spread to it. At the step sizes 1/4, 1/2 and 1.
    """

    name = "efficiency-rare-reward"
    order = 234
    steps = (0.25, 0.5, 1.0)
    title = "rare reward"

    def task(self) -> Task:
        """The corridor."""
        return RareReward()


CHECKS: tuple[Efficiency8, ...] = (Efficiency8(), Efficiency10(), Efficiency12(), EfficiencyRareReward())
