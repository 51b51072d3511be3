"""Learning efficiency, full mode: CartPole, where prioritisation is not expected to help, and must not harm."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from per_audit.verify import statistics
from per_audit.verify.cartpole import STEPS, CartPole
from per_audit.verify.check import Check, NotProvided
from per_audit.verify.efficiency import run_arms
from per_audit.verify.results import Outcome, Picture, Series, Verdict

if TYPE_CHECKING:
    from per_audit.verify.child.bench import Bench

RATES = (3e-4, 1e-3, 4e-3)
RUNS = 20
_MARGIN = 0.7
_LEARNT = 1.5
_MOST_UNFINISHED = 0.1
_SLOWEST = 0.0012


class EfficiencyCartPole(Check):
    """A Q-learner on CartPole, which pays in every step, does as well by the class's draws as by uniform ones.

    No harm is what is tested, not a gain: a network of two layers learns for 10,000 steps, 20 runs an arm at each of
    the step sizes 0.0003, 0.001 and 0.004 of Adam, nothing clipped, the returned weights in its loss. A run's score is
    the mean length of the episodes in its second half; the statistic is the ratio of interquartile means,
    prioritised / control, both arms at their best step size, with its 99 % bootstrap interval. PASS where the lower
    bound is above 0.7, REGRESSION where the upper one is below, or where the control learns and the class at no step
    size does; INCONCLUSIVE otherwise. No claim is made where the control does no better than random actions, where
    more than 10 % of its runs do not, or where an arm's best step size lies at an end of the grid. Needs gymnasium
    where the target's code runs.
    """

    name: ClassVar[str] = "efficiency-cartpole"
    order: ClassVar[int] = 236
    statistic: ClassVar[str] = "lower bound of the ratio of episode lengths (99 %)"
    relation: ClassVar[str] = ">="
    error_rate: ClassVar[str] = "5e-3"
    blind_spot: ClassVar[str] = "correctness, harm of less than 30 %, your task"

    def probe(self, bench: Bench) -> dict[str, Any]:
        """The scores of every run of both arms, at each step size, and that of random actions."""
        bench.need_update()
        try:
            from gymnasium.envs.classic_control.cartpole import CartPoleEnv
        except ImportError as error:
            remedy = f"pip install gymnasium for {sys.executable}"
            raise NotProvided(f"CartPole needs gymnasium, and it cannot be imported ({error}): {remedy}") from error
        self._need_speed(bench)
        lesson = CartPole(CartPoleEnv)
        # Uniform draws by the harness: at alpha = 0 the class's own faults would be in both arms.
        found = [run_arms(bench, lesson, RUNS, rate, STEPS, rare_share=None, own_control=False) for rate in RATES]
        by_chance = lesson.at_random(np.random.default_rng(bench.seed), STEPS)
        grid = [[one["control"], one["prioritised"]] for one in found]
        return {"grid": grid, "random": by_chance}

    @staticmethod
    def _need_speed(bench: Bench) -> None:
        """Raise NotProvided where the draws alone of all runs would take too long."""
        adapter = bench.filled(CartPole.capacity, CartPole.capacity, CartPole.batch)
        started = time.process_time()
        for _ in range(50):
            _, handles, _ = adapter.draw(CartPole.batch)
            adapter.update(handles, np.ones(CartPole.batch))
        pace = (time.process_time() - started) / 50
        if pace > _SLOWEST:
            draws = RUNS * len(RATES) * STEPS // 2
            raise NotProvided(
                f"a draw and an update of {CartPole.batch} rows of {CartPole.capacity:,} take {1000 * pace:.1f} ms, so "
                f"that the {draws:,} of this benchmark would take {draws * pace / 60:.0f} minutes"
            )

    def judge(self, measured: dict[str, Any], facts: dict[str, Any]) -> Outcome:  # noqa: ARG002
        """The gates first, then the interval."""
        control, prioritised = self._arms(measured)
        means = [statistics.iqm(control), statistics.iqm(prioritised)]
        best = [int(mean.argmax()) for mean in means]
        ratio, low, high = statistics.ratio_of_iqm(prioritised[best[1]], control[best[0]], seed=0)
        learnt = _LEARNT * float(measured["random"])
        cells = zip(RATES, *means, strict=True)
        grid = ", ".join(f"{rate:g}: {first:.0f} / {second:.0f}" for rate, first, second in cells)
        text = (
            f"{ratio:.2f}x [{low:.2f}, {high:.2f}] the steps by uniform draws, best against best; by step size, "
            f"control / prioritised: {grid}; at random: {measured['random']:.0f}"
        )
        failed = float(np.mean(control[best[0]] < learnt))
        verdict = Verdict.INCONCLUSIVE
        if means[0].max() < learnt:
            text = f"the control did not learn; {text}"
        elif failed > _MOST_UNFINISHED:
            text = f"{failed:.0%} of the control runs did not learn; {text}"
        elif means[1].max() < learnt:
            verdict, text = Verdict.REGRESSION, f"{text}: with the class's draws nothing is learnt"
        elif any(place in (0, len(RATES) - 1) for place in best):
            text = f"{text}; the best step size lies at an end of the grid, so no claim is made"
        elif low > _MARGIN:
            verdict, text = Verdict.PASS, f"{text}: no harm of more than {1 - _MARGIN:.0%}; no gain is expected here"
        elif high < _MARGIN:
            verdict, text = Verdict.REGRESSION, f"{text}: worse than uniform draws by more than {1 - _MARGIN:.0%}"
        else:
            text = f"{text}: harm is neither shown nor excluded"
        return Outcome(verdict, low, _MARGIN, text)

    def picture(self, measured: dict[str, Any], facts: dict[str, Any]) -> Picture | None:  # noqa: ARG002
        """Both arms over the grid."""
        control, prioritised = (statistics.iqm(arm).tolist() for arm in self._arms(measured))
        series = (
            Series("prioritised", tuple(zip(RATES, prioritised, strict=True)), "line", True),
            Series("control", tuple(zip(RATES, control, strict=True)), "line", False),
        )
        title = f"CartPole: length of episodes, interquartile mean of {RUNS} runs"
        return Picture(title, "step size", "steps", series, log=True)

    @staticmethod
    def _arms(measured: dict[str, Any]) -> Any:
        grid = np.array(measured["grid"], dtype=np.float64)
        if grid.shape[:2] != (len(RATES), 2) or grid.size == 0:
            raise ValueError("a grid of another shape")
        return grid[:, 0], grid[:, 1]


CHECKS: tuple[Check, ...] = (EfficiencyCartPole(),)
