from __future__ import annotations

from pathlib import Path

import pytest

from per_audit.findings import Applicability, Evidence, Finding, FixOffer, Notice, Place, Report, Severity

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
