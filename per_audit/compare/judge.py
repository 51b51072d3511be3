"""What the runs of a comparison show: named troubles first, then the difference."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from per_audit.compare import curves, decide
from per_audit.compare.results import OK, TIMED_OUT, UNREADABLE, Arm, Comparison, Interval, Run
from per_audit.errors import UserError
from per_audit.verify.results import Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from per_audit.compare.options import Options
    from per_audit.compare.trees import Tree

Array = npt.NDArray[np.float64]
_TRIED = 3
_RICH = 5
_OF_THE_WAY = 0.9
ARMS = ("before", "after")


def trouble(runs: Sequence[Run], first_seed: int) -> str:
    """Why it is of no use to go on, or an empty string; `runs` are those that have ended so far."""
    for arm in ARMS:
        mine = [run for run in runs if run.arm == arm]
        # Not the first to end: what crashes is quicker than what trains.
        first = [run for run in mine if run.seed < first_seed + _TRIED]
        if len(first) == _TRIED and all(run.status != OK for run in first):
            return _all_failed(arm, first)
        if mine and mine[0].status == UNREADABLE and not any(run.status == OK for run in runs):
            return f"the metric of the first run cannot be read: {mine[0].message}"
        good = [run for run in mine if run.curve is not None]
        if len(good) >= _TRIED and _is_one(good) and _is_rich(good[0]):
            return _ignores(arm, len(good))
    return ""


def _all_failed(arm: str, runs: Sequence[Run]) -> str:
    last = runs[-1]
    if all(run.status == TIMED_OUT for run in runs):
        return f"the command hangs, or needs longer: no run of {arm} that was tried ({len(runs)}) {_negated(last)}"
    return f"no run of {arm} that was tried ({len(runs)}) gave a result; seed {last.seed} {last.message}"


def _negated(run: Run) -> str:
    return run.message.replace("did not end", "ended")


def _ignores(arm: str, count: int) -> str:
    return (
        f"the command ignores its seed: {count} seeds of {arm} gave the very same curve. Seed the generators and the "
        "environment from the argument"
    )


def _is_one(runs: Sequence[Run]) -> bool:
    return len({run.curve for run in runs}) == 1


def _is_rich(run: Run) -> bool:
    """Whether a curve is more than what unlike runs may have in common, as a score that is reached by all."""
    return run.curve is not None and len(set(run.curve.values)) >= _RICH


def judged(options: Options, before: Tree, after: Tree, runs: Sequence[Run]) -> Comparison:
    """The comparison that `runs` make."""
    ordered = sorted(runs, key=lambda run: run.seed)
    mine = {arm: tuple(run for run in ordered if run.arm == arm) for arm in ARMS}
    found = Comparison(
        verdict=Verdict.ERROR,
        message=trouble(runs, options.first_seed),
        command=options.command,
        metric=options.source.words,
        source=options.source.where,
        lower_is_better=options.lower_is_better,
        before=Arm("before", before.name, before.words, mine["before"]),
        after=Arm("after", after.name, after.words, mine["after"]),
    )
    if before.digest == after.digest:
        found.notes.append("both states have the same files: this shows how much the runs differ by chance")
    _note_failures(found)
    if found.message:
        return found
    empty = [arm for arm in ARMS if not any(run.curve is not None for run in mine[arm])]
    if empty:
        found.message = _all_failed(empty[0], mine[empty[0]])
        return found
    _measure(found, options)
    _decide(found)
    return found


def _note_failures(found: Comparison) -> None:
    for arm in (found.before, found.after):
        failed = [run for run in arm.runs if run.status != OK]
        for status in dict.fromkeys(run.status for run in failed):
            which = [run for run in failed if run.status == status]
            seeds = ", ".join(str(run.seed) for run in which)
            found.notes.append(
                f"{arm.name}: {len(which)} of {len(arm.runs)} runs {status} (seeds {seeds}); the first: "
                f"{which[0].message}. Each counts as the worst score of all runs"
            )


def _measure(found: Comparison, options: Options) -> None:
    """Bring the curves onto one horizon and fill in both arms."""
    lower = options.lower_is_better
    every = [run.curve for arm in (found.before, found.after) for run in arm.runs if run.curve is not None]
    horizon = curves.common_horizon(every, options.horizon)
    if options.horizon is not None and horizon.start == horizon.end:
        raise UserError(f"--horizon {options.horizon:g}: the runs have no values before that step")
    found.axis = every[0].axis
    found.start, found.end = horizon.start, horizon.end
    longest = max(curve.steps[-1] for curve in every)
    if options.horizon is None and longest > 1.2 * max(horizon.end, 1e-12) and horizon.end > horizon.start:
        found.notes.append(
            f"runs end between {found.axis} {horizon.end:g} and {longest:g} and are compared up to the first of these; "
            "--horizon compares further, and a run that has ended then keeps its last value"
        )
    rows = {
        arm.name: np.stack([curves.on_grid(run.curve, horizon) for run in arm.runs if run.curve is not None])
        for arm in (found.before, found.after)
    }
    scores = {name: curves.area(values) for name, values in rows.items()}
    pooled = np.concatenate(list(scores.values()))
    worst = float(pooled.max() if lower else pooled.min())
    level = _level(rows["before"])
    found.level = level
    found.before = _filled(found.before, rows, scores, worst, horizon, level, lower)
    found.after = _filled(found.after, rows, scores, worst, horizon, level, lower)


def _level(rows: Array) -> float | None:
    """Nine tenths of the way that the runs of `before` go in the middle, None where there is no way to go."""
    middle = decide.iqm_along(rows, 0)
    if middle.size < 2 or middle[0] == middle[-1]:
        return None
    end = float(decide.iqm_along(curves.end_of(rows)))
    return float(middle[0] + _OF_THE_WAY * (end - middle[0]))


def _filled(
    arm: Arm,
    rows: dict[str, Array],
    scores: dict[str, Array],
    worst: float,
    horizon: curves.Horizon,
    level: float | None,
    lower: bool,
) -> Arm:
    mine = rows[arm.name]
    measured = iter(scores[arm.name].tolist())
    every = tuple(next(measured) if run.curve is not None else worst for run in arm.runs)
    middle, low, high = decide.band(mine)
    steps, reached = None, 0
    if level is not None:
        until = curves.steps_until(mine, horizon, level, lower)
        until = np.concatenate([until, np.full(arm.unfinished, np.inf)])
        reached = int(np.isfinite(until).sum())
        found = decide.mean_of(until)
        steps = found if np.isfinite(found.value) else None
    return Arm(
        arm.name,
        arm.tree,
        arm.words,
        arm.runs,
        scores=every,
        score=decide.mean_of(np.array(every)),
        final=decide.mean_of(curves.end_of(mine)),
        steps_to_level=steps,
        reached=reached,
        curve=tuple(
            (float(x), float(y), float(a), float(b)) for x, y, a, b in zip(horizon.grid, middle, low, high, strict=True)
        ),
    )


def _decide(found: Comparison) -> None:
    before, after = found.before, found.after
    ties = _dependent(found)
    if len(before.scores) != len(after.scores):
        found.verdict, found.message = Verdict.ERROR, "the comparison was not finished"
        return
    told = decide.difference(np.array(before.scores), np.array(after.scores))
    found.difference, found.p = told.interval, told.p
    text = f"{difference_words(found)}, p = {told.p:.2g}"
    count = len(before.scores)
    found.verdict = Verdict.INCONCLUSIVE
    better = told.interval.value < 0 if found.lower_is_better else told.interval.value > 0
    failing = max(before.unfinished, after.unfinished) > decide.MAY_FAIL * count
    if ties:
        found.message = f"no claim, because {ties}: {text}"
    elif count < decide.ENOUGH:
        found.message = f"no claim from {count} seeds, which is fewer than {decide.ENOUGH}: {text}"
    elif told.p > decide.CLAIM:
        found.message = f"no difference shown: {text}; a claim needs p <= {decide.CLAIM:g}"
    elif better and failing:
        found.message = f"no claim, because more than {decide.MAY_FAIL:.0%} of an arm's runs did not finish: {text}"
    elif better:
        found.verdict, found.message = Verdict.PASS, f"after is better with this command: {text}"
    else:
        found.verdict, found.message = Verdict.REGRESSION, f"after is worse with this command: {text}"


def _dependent(found: Comparison) -> str:
    """Why the seeds are not as many experiments, or an empty string."""
    for arm in (found.before, found.after):
        good = [run for run in arm.runs if run.curve is not None]
        if len(good) > 1 and _is_one(good):
            return f"all runs of {arm.name} have the very same {found.metric}"
        rich = [run for run in good if _is_rich(run)]
        own = len({run.curve for run in rich})
        if own < len(rich):
            return f"{len(rich)} seeds of {arm.name} gave only {own} different curves: not all of the seed is used"
    pairs = zip(found.before.runs, found.after.runs, strict=False)
    curves_of = [(first.curve, second.curve) for first, second in pairs if first.curve is not None]
    if len(curves_of) > 1 and all(first == second for first, second in curves_of):
        found.notes.append(
            "every seed gave the very same curve before and after: the command does not run what has changed, or the "
            "change does nothing"
        )
    return ""


def difference_words(found: Comparison) -> str:
    """after - before in words: the number, its interval, and the share of before's where both are of one sign."""
    assert found.difference is not None
    interval, base = found.difference, found.before.score
    text = f"{found.metric} {interval.value:+.4g}{bounds(interval)}"
    if base is not None and base.value != 0 and base.value * (base.value + interval.value) > 0:
        text += f" ({interval.value / abs(base.value):+.1%} of {base.value:.4g})"
    return text


def bounds(interval: Interval) -> str:
    """The interval behind a number, or nothing."""
    return "" if interval.low is None or interval.high is None else f" [{interval.low:.4g}, {interval.high:.4g}]"
