from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from per_audit.compare.results import Arm, Comparison, Curve, Interval, Run
from per_audit.findings import Applicability, Evidence, Finding, FixOffer, Notice, Place, Report, Severity
from per_audit.verify.results import Verdict

AGENT = """\
import random


class Agent:
    def learn(self):
        batch = random.sample(self.memory, 64)
        return loss(
            batch,
            2,
        )
"""


@pytest.fixture
def report(tmp_path: Path) -> Report:
    (tmp_path / "agent.py").write_text(AGENT)
    uniform = Finding(
        rule="PER001",
        name="uniform-only-sampling",
        severity=Severity.ERROR,
        confidence="high",
        message="transitions are drawn uniformly",
        place=Place("agent.py", 6, 17, 6, 47),
        symbol="Agent.learn",
        evidence=(
            Evidence(Place("lib/memory.py", 12, 9, 12, 20), "buffer", "a deque of 10,000 transitions"),
            Evidence(Place("agent.py", 6, 17, 6, 47), "draw", "drawn here"),
        ),
        fix=FixOffer(Applicability.SAFE, "container-swap", "Make the deque a prioritised buffer", ""),
        pipeline="Agent",
        id="0123456789abcdef",
    )
    mean = Finding(
        rule="PER101",
        name="weights-after-reduction",
        severity=Severity.WARNING,
        confidence="medium",
        message="the loss is averaged first",
        place=Place("agent.py", 7, 9, 10, 10),
        symbol="Agent.learn",
        fix=FixOffer(Applicability.MANUAL, None, "Weight each element", "the loss comes from a library"),
        id="fedcba9876543210",
    )
    return Report(
        root=tmp_path.as_posix(),
        findings=[uniform, mean],
        notices=[Notice("old.py", 3, "unparsable-file", "not audited: Python 2")],
        pipelines=[{"name": "Agent"}],
        files=3,
        suppressed=1,
    )


@pytest.fixture
def comparison() -> Comparison:
    """Two arms of two runs each, one of which did not finish, with words that mean something in HTML or Markdown."""
    curve = Curve((10.0, 20.0), (1.0, 3.0), "step")
    good = Run("before", 0, "ok", 1.5, "", curve, kept=True)
    bad = Run("after", 1, "crashed", 0.5, "ended with exit code 1: <b>|\x1b")
    points = ((10.0, 1.0, 0.5, 1.5), (20.0, 3.0, 2.5, 3.5))
    before = Arm("before", "main", "revision abc", (good, replace(good, seed=1)), (2.0, 2.5), Interval(2.25))
    after = Arm(
        "after", ".", "folder /p as it is", (replace(good, arm="after"), bad), (2.0, 2.0), Interval(2.0, 1.0, 3.0)
    )
    filled = {"final": Interval(3.0, 2.5, 3.5), "curve": points, "reached": 1}
    return Comparison(
        verdict=Verdict.INCONCLUSIVE,
        message="no difference shown: <return> -0.25",
        command=("python", "train.py", "{seed}"),
        metric="<return>",
        source="runs/",
        lower_is_better=False,
        before=replace(before, steps_to_level=Interval(19.0), **filled),
        after=replace(after, **filled),
        axis="step",
        start=10.0,
        end=20.0,
        difference=Interval(-0.25, -1.0, 0.5),
        p=0.5,
        level=2.8,
        notes=["after: 1 of 2 runs crashed"],
        seconds=12.0,
    )


@pytest.fixture
def no_comparison(comparison: Comparison) -> Comparison:
    """One that came to nothing."""
    arms = {name: Arm(name, ".", "folder", ()) for name in ("before", "after")}
    return Comparison(Verdict.ERROR, "the command hangs", comparison.command, "return", "a.csv", False, **arms)
