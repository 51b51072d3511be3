from __future__ import annotations

import pytest

from per_audit.verify.results import Verdict

CHECK = "memory"


def test_a_mutant_fails(mutant, assert_it_fails):
    assert_it_fails(mutant)


def marks(traced=(0, 0, 0, 0), resident=(0, 0, 0, 0), tensors=(None,) * 4):
    return {"marks": [list(row) for row in zip(traced, resident, tensors, strict=True)], "different": 64}


@pytest.mark.parametrize(
    ("measured", "verdict"),
    [
        (marks(), Verdict.PASS),
        # 3 bytes an addition in each window of 4,000.
        (marks(traced=(0, 12_000, 24_000, 36_000)), Verdict.FAIL),
        # A cache that fills up.
        (marks(traced=(0, 90_000, 120_000, 121_000)), Verdict.PASS),
        (marks(tensors=(0, 64_000, 128_000, 192_000)), Verdict.FAIL),
        (marks(resident=(0, 40_000, 80_000, 120_000)), Verdict.PASS),
        (marks(resident=(0, 400_000, 800_000, 1_200_000)), Verdict.FAIL),
    ],
)
def test_growth_that_does_not_end_fails(judge, measured, verdict):
    assert judge(measured).verdict is verdict


def test_more_items_than_the_capacity_fail(judge):
    assert judge({**marks(), "different": 1_800}).verdict is Verdict.FAIL


TENSORS = """
import sys
sys.path.insert(0, {house!r})
import torch
from zoo import Correct

class Buffer(Correct):
    def add(self, state, action, reward, next_state, done):
        self.__dict__.setdefault("kept", []).append(torch.zeros(64))
        super().add(state, action, reward, next_state, done)
"""


def test_tensors_that_are_kept_fail(tmp_path):
    pytest.importorskip("torch")
    from pathlib import Path

    from per_audit.verify.run import Options, verify

    path = tmp_path / "buffer.py"
    path.write_text(TENSORS.format(house=str(Path(__file__).parents[1])))
    (found,) = verify([f"{path}:Buffer"], Options(checks=(CHECK,))).targets[0].checks
    assert found.verdict is Verdict.FAIL
