"""Learning efficiency, quick mode: the Blind Cliffwalk (Schaul et al. 2016, appendix B.1) by the target's own class."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np
import numpy.typing as npt

from per_audit.verify import statistics
from per_audit.verify.check import Check, NotProvided
from per_audit.verify.child.bench import seed_everything
from per_audit.verify.results import Outcome, Verdict

if TYPE_CHECKING:
    from per_audit.verify.child.bench import Bench

STATES = 8
BATCH = 8
RUNS = 20
STEP = 0.25
TARGET_ERROR = 1e-3
MAX_UPDATES = 30_000
WORDING = "faster on a benchmark built to favour prioritisation; it says nothing about your task"
_LOOK_EVERY = 10


class Lesson(Protocol):
    """What a buffer of `capacity` is to teach by draws of `batch` rows."""

    @property
    def capacity(self) -> int:
        """How many transitions the buffer has room for."""
        ...

    @property
    def batch(self) -> int:
        """Rows a draw."""
        ...

    def learn(self, adapter: Any, rng: np.random.Generator, prioritised: bool, step: float, most: int) -> float:
        """The score of one run that learns by an empty buffer at a step size, for `most` updates or steps at most.

        Without `prioritised` no TD errors are handed back.
        """
        ...


class Task:
    """What a replay teaches: n states, two actions, a deterministic next state; Q is linear in one-hot features.

    Pairs are numbered 2 * state + action. For each pair, shape (2 n,): `reward`, whether it `leads_on`, the state
    `after` it and the `truth` that Q is to find; `transitions` are the pairs that the replay holds, in any order.
    """

    states: int
    gamma: float
    reward: npt.NDArray[np.float64]
    leads_on: npt.NDArray[np.bool_]
    after: npt.NDArray[np.int64]
    truth: npt.NDArray[np.float64]
    transitions: npt.NDArray[np.int64]
    batch = BATCH

    @property
    def capacity(self) -> int:
        """All transitions."""
        return len(self.transitions)

    def learn(
        self,
        adapter: Any,
        rng: np.random.Generator,
        prioritised: bool,
        step: float = STEP,
        most: int = MAX_UPDATES,
    ) -> int:
        """Updates until the mean squared error of Q falls below `TARGET_ERROR`; `most` where it does not."""
        n, reward, leads_on, after, truth = self.states, self.reward, self.leads_on, self.after, self.truth
        for pair in rng.permutation(self.transitions).tolist():
            adapter.add(pair, float(reward[pair]), 1.0, not leads_on[pair])
        q = rng.normal(0.0, 0.1, 2 * n)
        for update in range(1, most + 1):
            drawn, handles, _ = adapter.draw(self.batch)
            best = q.reshape(n, 2).max(axis=1)
            td = reward[drawn] + self.gamma * leads_on[drawn] * best[after[drawn]] - q[drawn]
            if prioritised:
                adapter.update(handles, np.abs(td))
            # The mean over the rows of a pair: a pair that fills the batch is learnt at `step`, not at 8 times that.
            count = np.maximum(np.bincount(drawn, minlength=2 * n), 1)
            q += step * np.bincount(drawn, td, minlength=2 * n) / count
            if update % _LOOK_EVERY == 0 and float(np.mean((q - truth) ** 2)) < TARGET_ERROR:
                return update
        return most


class Cliffwalk(Task):
    """n states in a row, two actions: the right one (they alternate) leads on, the other ends the episode with nothing.

    Only the last right action pays, 1; the discount is 1 - 1/n. The replay holds every transition of all 2^n action
    sequences, 2^(n+1) - 2 of them: those of the k-th state occur 2^(n-k) times each.
    """

    def __init__(self, states: int) -> None:
        pairs = np.arange(2 * states)
        right, last = pairs % 2 == (pairs // 2) % 2, pairs // 2 == states - 1
        self.states, self.gamma = states, 1.0 - 1.0 / states
        self.reward, self.leads_on = (right & last).astype(np.float64), right & ~last
        self.after = np.minimum(pairs // 2 + 1, states - 1)
        self.truth = np.where(right, self.gamma ** (states - 1 - pairs // 2), 0.0)
        self.transitions = np.repeat(pairs, 2 ** (states - 1 - pairs // 2))


class RareReward(Task):
    """A corridor of ten states, right and left, and 4,000 transitions of a walker that goes right in 40 of 100 steps.

    A step to the right of the last state ends the episode and pays, 1: 5 of the transitions. The discount is 0.9. The
    replay is the same in every run.
    """

    def __init__(self) -> None:
        states, size, to_the_right = 10, 4000, 0.4
        pairs = np.arange(2 * states)
        right, last = pairs % 2 == 1, pairs // 2 == states - 1
        self.states, self.gamma = states, 0.9
        self.reward, self.leads_on = (right & last).astype(np.float64), ~(right & last)
        self.after = np.clip(pairs // 2 + np.where(right, 1, -1), 0, states - 1)
        best = self.gamma ** (states - 1 - np.arange(states))
        self.truth = np.where(self.leads_on, self.gamma * best[self.after], 1.0)
        state, walked = 0, []
        for action in (np.random.default_rng(0).random(size) < to_the_right).tolist():
            walked.append(2 * state + action)
            state = int(self.after[walked[-1]]) if self.leads_on[walked[-1]] else 0
        self.transitions = np.array(walked)


class UniformMemory:
    """The control where a class cannot be told to draw uniformly: the harness's own list."""

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng(seed)
        self._ids: list[int] = []

    def add(self, tid: int, reward: float, td: float, done: bool) -> None:  # noqa: ARG002
        """Store."""
        self._ids.append(tid)

    def draw(self, batch: int) -> tuple[npt.NDArray[np.int64], None, None]:
        """Draw uniformly, with replacement."""
        chosen = self._rng.integers(0, len(self._ids), batch)
        return np.array([self._ids[place] for place in chosen]), None, None


def run_arms(
    bench: Bench,
    task: Lesson,
    runs: int,
    step: float,
    most: int,
    rare_share: float | None,
    own_control: bool | None = None,
) -> dict[str, Any]:
    """Scores of `runs` runs by the class (`prioritised`), and at alpha = 0 or by uniform draws (`control`).

    `own_control` says which of the two, by default alpha = 0 where the class takes it; `rare_share` None keeps the
    class's own share of rare events.
    """
    extra = {"rare_fraction": rare_share} if bench.facts["rare_alias"] and rare_share is not None else {}
    own_control = bench.facts["takes_alpha"] if own_control is None else own_control
    arms: dict[str, list[float]] = {"control": [], "prioritised": []}
    for run in range(runs):
        for arm, results in arms.items():
            seed = bench.seed + 1000 * run + (arm == "control")
            seed_everything(seed)
            adapter: Any
            if arm == "prioritised":
                adapter = bench.make(task.capacity, task.batch, seed, **extra)
            elif own_control:
                adapter = bench.make(task.capacity, task.batch, seed, alpha=0.0, **extra)
            else:
                adapter = UniformMemory(seed)
            # Both arms of a run learn the same order of transitions from the same first Q.
            updates = not isinstance(adapter, UniformMemory)
            results.append(task.learn(adapter, np.random.default_rng(bench.seed + run), updates, step, most))
    return {**arms, "own_control": own_control}


class Efficiency(Check):
    """Updates that the Blind Cliffwalk takes with the class's own alpha and with 0; n = 8, batches of 8, 20 runs each.

    The ratio of the interquartile means, control / prioritised, and its 99 % bootstrap interval decide: PASS where the
    lower bound is above 1.1, REGRESSION where the upper one is below 1, INCONCLUSIVE otherwise. The importance-sampling
    weights are ignored (beta = 0): at a fixed step size they make this benchmark slower. The rare share is switched off
    where the class has one; with it on and alpha 0, the benchmark alone gives 1.5.
    """

    name: ClassVar[str] = "efficiency"
    statistic: ClassVar[str] = "lower bound of the speed-up (99 %)"
    relation: ClassVar[str] = ">="
    error_rate: ClassVar[str] = "5e-3"
    blind_spot: ClassVar[str] = (
        "correctness (lost leaves and a double alpha pass), your task, the effect of the weights"
    )
    order: ClassVar[int] = 200
    rare_share: ClassVar[float | None] = 0.0

    def probe(self, bench: Bench) -> dict[str, Any]:
        """Updates needed in every run of both arms."""
        bench.need_update()
        return run_arms(bench, Cliffwalk(STATES), RUNS, STEP, MAX_UPDATES, self.rare_share)

    def judge(self, measured: dict[str, Any], facts: dict[str, Any]) -> Outcome:  # noqa: ARG002
        """The bootstrap interval decides."""
        control = np.array(measured["control"], dtype=np.float64)
        prioritised = np.array(measured["prioritised"], dtype=np.float64)
        ratio, low, high = statistics.ratio_of_iqm(control, prioritised, seed=0)
        unfinished = float(np.mean(control >= MAX_UPDATES))
        arm = "the class at alpha = 0" if measured["own_control"] else "uniform draws by the harness"
        text = f"{ratio:.2f}x [{low:.2f}, {high:.2f}] against {arm}, weights ignored"
        if unfinished > 0.1:
            return Outcome(
                Verdict.INCONCLUSIVE, low, 1.1, f"{unfinished:.0%} of the control runs did not finish; {text}"
            )
        if low > 1.1:
            return Outcome(Verdict.PASS, low, 1.1, f"{text}: {WORDING}")
        if high < 1.0:
            return Outcome(
                Verdict.REGRESSION,
                low,
                1.1,
                f"{text}: slower than uniform draws, even on a benchmark built to favour it",
            )
        return Outcome(Verdict.INCONCLUSIVE, low, 1.1, f"{text}: neither faster nor slower for certain")


class EfficiencyRareShare(Efficiency):
    """As `efficiency`, with the class's own share of rare events in both arms: a row of its own, so that the effect of
    prioritisation is not mixed with that of the rare share.
    """

    name = "efficiency-rare-share"
    order = 210
    rare_share = None

    def probe(self, bench: Bench) -> dict[str, Any]:
        """As above; NotProvided without a rare share."""
        if not bench.facts["rare_fraction"] or not bench.facts["rare_alias"]:
            raise NotProvided("the class has no share of rare events")
        return super().probe(bench)


CHECKS: tuple[Check, ...] = (Efficiency(), EfficiencyRareShare())
