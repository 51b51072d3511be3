"""How often `per-audit compare` claims a difference between two copies of the same training.

    python benchmarks/compare_equal_arms.py                    # 20 comparisons of 20 seeds an arm, some minutes
    python benchmarks/compare_equal_arms.py --comparisons 100

Each comparison is the whole command: two working trees, runs in processes of their own, curves read from a file, the
claim. The training is tabular Q-learning on a corridor. The trees differ in a comment, and the training draws from the
seed *and* the text of its own file: the arms are equal in law and not in their numbers, as those of a refactoring are.
Exit code 1 where a difference is claimed more often than 1 in 1,000 comparisons allows: of 20, at all.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

import scipy.stats

from per_audit.compare import decide
from per_audit.compare.options import Options
from per_audit.compare.run import compare
from per_audit.compare.source import Source
from per_audit.verify.results import Verdict

TRAIN = """\
# {word}
import random
import sys

rng = random.Random(sys.argv[1] + open(__file__).read())
STATES, GAMMA = 12, 0.95
q = [[rng.gauss(0, 0.01), rng.gauss(0, 0.01)] for _ in range(STATES)]
state, steps, lengths = 0, 0, []
with open("progress.csv", "w") as file:
    print("step,length", file=file)
    for now in range(1, 3001):
        greedy = q[state][1] > q[state][0]
        right = rng.random() < 0.5 if rng.random() < 0.1 else greedy
        after = max(0, state + 1 if right else state - 1)
        steps += 1
        ended = after == STATES - 1
        goal = 1.0 if ended else GAMMA * max(q[after])
        q[state][right] += 0.2 * (goal - q[state][right])
        state = after
        if ended or steps == 200:
            lengths.append(steps)
            state, steps = 0, 0
        if now % 100 == 0:
            recent = lengths[-10:] or [200]
            print(f"{{now}},{{sum(recent) / len(recent)}}", file=file)
"""


def equal_arms(number: int, folder: Path, seeds: int) -> tuple[Verdict, float, float]:
    """Verdict, p-value and seconds of one comparison in `folder`."""
    arms = [folder / "before", folder / "after"]
    for arm in arms:
        arm.mkdir(parents=True)
        (arm / "train.py").write_text(TRAIN.format(word=f"{arm.name} {number}"), encoding="utf-8")
    options = Options(
        before=str(arms[0]),
        after=str(arms[1]),
        # Nothing of the environment is needed, so that a run takes as long as it learns.
        command=(sys.executable, "-I", "-S", "train.py", "{seed}"),
        source=Source("length", "progress.csv"),
        seeds=seeds,
        lower_is_better=True,
        timeout=120.0,
        keep=folder / "kept",
    )
    found = compare(options, folder)
    runs = [*found.before.runs, *found.after.runs]
    if len(runs) != 2 * seeds or any(run.curve is None for run in runs) or found.p is None:
        raise SystemExit(f"nothing could be compared: {found.message}")
    return found.verdict, found.p, found.seconds


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--comparisons", type=int, default=20)
    parser.add_argument("--seeds", type=int, default=decide.ENOUGH, help="an arm")
    arguments = parser.parse_args()
    started, claims = time.monotonic(), 0
    for number in range(arguments.comparisons):
        with tempfile.TemporaryDirectory() as folder:
            verdict, p, seconds = equal_arms(number, Path(folder), arguments.seeds)
        claims += verdict is not Verdict.INCONCLUSIVE
        print(f"{number + 1:>3}: {verdict.value:<12} p = {p:.3f}, {seconds:.0f} s", flush=True)
    limit = int(scipy.stats.binom.isf(0.05, arguments.comparisons, decide.CLAIM))
    minutes = (time.monotonic() - started) / 60
    print(
        f"{claims} claims in {arguments.comparisons} comparisons; up to {limit} would be chance; {minutes:.1f} minutes"
    )
    return int(claims > limit)


if __name__ == "__main__":
    sys.exit(main())
