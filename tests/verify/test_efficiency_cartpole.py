from __future__ import annotations

import sys

import numpy as np
import pytest

from per_audit.verify import efficiency_cartpole
from per_audit.verify.check import NotProvided
from per_audit.verify.efficiency import UniformMemory
from per_audit.verify.efficiency_cartpole import RATES, EfficiencyCartPole
from per_audit.verify.results import Verdict

NOISE = np.random.default_rng(0).uniform(0.8, 1.2, (len(RATES), 2, 20))
RANDOM = 22.0


class Counting:
    """Uniform draws of a class of its own, whose updates are counted."""

    def __init__(self, seed, bench):
        memory = UniformMemory(seed)
        self.add, self.draw, self.update = memory.add, memory.draw, bench.update


class Bench:
    """Makes buffers of the kind above."""

    facts = {"rare_alias": False, "takes_alpha": True}
    seed = 0

    def __init__(self):
        self.updates = 0

    def need_update(self):
        pass

    def make(self, capacity, batch, seed):  # never with alpha = 0: the control is the harness's own
        return Counting(seed, self)

    def filled(self, capacity, count, batch):
        memory = self.make(capacity, batch, 0)
        for tid in range(count):
            memory.add(tid, 0.0, 1.0, False)
        return memory

    def update(self, handles, td):
        self.updates += 1


def judge(cells, change=None):
    """`cells`: lengths by step size, (control, prioritised)."""
    grid = np.array(cells, dtype=float)[:, :, None] * NOISE
    if change is not None:
        change(grid)
    return EfficiencyCartPole().judge({"grid": grid.tolist(), "random": RANDOM}, {})


@pytest.mark.parametrize(
    ("cells", "verdict", "words"),
    [
        ([(150, 150), (250, 250), (200, 200)], Verdict.PASS, "no harm of more than 30%"),
        ([(150, 150), (250, 400), (200, 200)], Verdict.PASS, "no gain is expected here"),
        ([(150, 80), (250, 120), (200, 90)], Verdict.REGRESSION, "worse than uniform draws by more than 30%"),
        ([(150, 120), (250, 180), (200, 90)], Verdict.INCONCLUSIVE, "neither shown nor excluded"),
        # What learns at no step size is harm, wherever the best of it lies.
        ([(150, 24), (250, 23), (200, 22)], Verdict.REGRESSION, "nothing is learnt"),
        ([(23, 150), (24, 250), (22, 200)], Verdict.INCONCLUSIVE, "the control did not learn"),
        ([(280, 150), (250, 250), (200, 200)], Verdict.INCONCLUSIVE, "an end of the grid"),
        ([(150, 150), (250, 250), (200, 280)], Verdict.INCONCLUSIVE, "an end of the grid"),
    ],
)
def test_no_claim_without_its_gate(cells, verdict, words):
    outcome = judge(cells)
    assert outcome.verdict is verdict
    assert words in outcome.message
    assert "0.0003: " in outcome.message


def test_a_control_that_often_does_not_learn_decides_nothing():
    def failed(grid):
        grid[1, 0, :3] = RANDOM

    outcome = judge([(120, 120), (250, 250), (200, 200)], failed)
    assert outcome.verdict is Verdict.INCONCLUSIVE
    assert outcome.message.startswith("15% of the control runs did not learn")


def test_a_grid_of_another_shape_makes_no_sense():
    with pytest.raises(ValueError, match="shape"):
        EfficiencyCartPole().judge({"grid": [[[1.0], [1.0]]], "random": RANDOM}, {})


def test_the_picture_shows_the_whole_grid():
    grid = np.full((len(RATES), 2, 4), 100.0).tolist()
    picture = EfficiencyCartPole().picture({"grid": grid}, {})
    assert [[x for x, _ in series.points] for series in picture.series] == [list(RATES)] * 2


def test_the_probe_fills_the_grid(monkeypatch):
    pytest.importorskip("gymnasium")
    monkeypatch.setattr(efficiency_cartpole, "RUNS", 2)
    monkeypatch.setattr(efficiency_cartpole, "STEPS", 600)
    monkeypatch.setattr(efficiency_cartpole, "_SLOWEST", np.inf)
    bench = Bench()
    measured = EfficiencyCartPole().probe(bench)
    grid = np.array(measured["grid"])
    assert grid.shape == (len(RATES), 2, 2)
    assert (grid >= 1).all()
    assert (grid <= 500).all()
    assert 10 < measured["random"] < 40
    # 50 of the look at its pace, and 50 a run of the prioritised arm.
    assert bench.updates == 50 + len(RATES) * 2 * 50


def test_without_gymnasium_it_is_not_provided(monkeypatch):
    monkeypatch.setitem(sys.modules, "gymnasium", None)
    monkeypatch.delitem(sys.modules, "gymnasium.envs.classic_control.cartpole", raising=False)
    with pytest.raises(NotProvided, match="pip install gymnasium"):
        EfficiencyCartPole().probe(Bench())


def test_what_draws_slowly_is_left_out_with_the_minutes_it_would_take(monkeypatch):
    pytest.importorskip("gymnasium")
    monkeypatch.setattr(efficiency_cartpole, "_SLOWEST", 0.0)
    with pytest.raises(NotProvided, match="minutes"):
        EfficiencyCartPole().probe(Bench())
