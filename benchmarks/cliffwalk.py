"""The Blind Cliffwalk by size and step size, as a table and a picture.

    python benchmarks/cliffwalk.py [--target module:Class] [--output docs/cliffwalk]

Runs the checks of `per-audit verify --efficiency full` on a class, by default the bundled PrioritizedReplayBuffer, and
writes OUTPUT.md, and OUTPUT-8.svg, -10.svg and -12.svg beside it. Some three minutes of one core.
"""

from __future__ import annotations

import argparse
import textwrap
from pathlib import Path

from per_audit.report.pictures import standalone
from per_audit.verify.efficiency import Cliffwalk
from per_audit.verify.efficiency_full import CHECKS
from per_audit.verify.run import Options, verify

INTRODUCTION = """\
# The Blind Cliffwalk

Written by `python benchmarks/cliffwalk.py`. Updates of 8 rows until the mean squared error of Q falls below 0.001
(Schaul et al. 2016, appendix B.1) by `{target}`, interquartile means of
20 runs; the control is the same with alpha = 0. Weights are ignored, the share of rare events is 0. Schaul et al. use
the step size 1/4.

The task is built to favour prioritisation, and how much it does depends on the step size: transitions are
deterministic, so with a step size of 1 one visit teaches all that a transition has to teach. Most of the advantage at
1/4 is that of learning from a transition several times in a row; the ratio of both arms at their best is what is left.
None of it says anything about your task.

"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--target", default="experience_replay_optimizer:PrioritizedReplayBuffer")
    parser.add_argument("--output", type=Path, default=Path(__file__).parents[1] / "docs" / "cliffwalk")
    arguments = parser.parse_args()
    names = tuple(check.name for check in CHECKS if isinstance(check.task(), Cliffwalk))
    (target,) = verify([arguments.target], Options(checks=names)).targets
    text = INTRODUCTION.format(target=arguments.target)
    for check in target.checks:
        print(f"{check.check}: {check.verdict.value}: {check.message}")
        text += f"## {check.check}: {check.verdict.value}\n\n"
        if check.picture is None:
            text += f"{check.message}\n\n"
            continue
        prioritised, control = (series.points for series in check.picture.series)
        text += "| step size | control | prioritised | ratio |\n|---|---|---|---|\n"
        for (step, first), (_, second) in zip(control, prioritised, strict=True):
            text += f"| {step:g} | {first:,.0f} | {second:,.0f} | {first / second:.1f} |\n"
        figure = arguments.output.with_name(f"{arguments.output.name}-{check.check.rpartition('-')[2]}.svg")
        figure.write_text(standalone(check.picture), encoding="utf-8")
        text += f"\n![{check.picture.title}]({figure.name})\n\n"
        text += "\n".join(textwrap.wrap(f"{check.message}.", 120)) + "\n\n"
    arguments.output.with_suffix(".md").write_text(text.rstrip() + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
