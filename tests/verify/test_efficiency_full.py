from __future__ import annotations

import numpy as np
import pytest

from per_audit.verify import efficiency_full
from per_audit.verify.efficiency import WORDING, UniformMemory
from per_audit.verify.efficiency_full import MAX_UPDATES, STEPS, Efficiency8
from per_audit.verify.results import Verdict

NOISE = np.random.default_rng(0).uniform(0.9, 1.1, (len(STEPS), 2, 20))
# Updates by step size: control, prioritised.
FASTER = [(900, 170), (400, 110), (120, 80), (390, 130)]
EQUAL = [(900, 900), (400, 400), (120, 120), (390, 390)]


def judge(cells, change=None):
    grid = np.array(cells, dtype=float)[:, :, None] * NOISE
    if change is not None:
        change(grid)
    return Efficiency8().judge({"grid": grid.tolist(), "own_control": True}, {})


def test_faster_at_the_step_size_of_the_paper():
    outcome = judge(FASTER)
    assert outcome.verdict is Verdict.PASS
    assert outcome.message.endswith(WORDING)
    # The whole grid, and both arms at their best.
    assert "0.25: 9" in outcome.message
    assert "best against best: 1." in outcome.message


@pytest.mark.parametrize(
    ("cells", "verdict", "words"),
    [
        (EQUAL, Verdict.INCONCLUSIVE, "neither faster nor slower"),
        ([(first, 2 * second) for first, second in EQUAL], Verdict.REGRESSION, "slower than uniform draws"),
        # Where the best may lie beyond the grid, only the step size of the paper decides.
        ([(900, 170), (400, 300), (120, 240), (390, 400)], Verdict.PASS, "an end of the grid"),
        ([(900, 300), (400, 210), (120, 200), (390, 400)], Verdict.REGRESSION, "with both at their best"),
    ],
)
def test_both_arms_are_looked_at_at_their_best(cells, verdict, words):
    outcome = judge(cells)
    assert outcome.verdict is verdict
    assert words in outcome.message


def test_a_control_that_does_not_finish_decides_nothing():
    def unfinished(grid):
        grid[0, 0, :5] = MAX_UPDATES

    outcome = judge(FASTER, unfinished)
    assert outcome.verdict is Verdict.INCONCLUSIVE
    assert outcome.message.startswith("25% of the control runs did not finish")


def test_a_grid_of_another_shape_makes_no_sense():
    for grid in ([], [[[1.0], [1.0]]] * 3):
        with pytest.raises(ValueError, match="shape"):
            Efficiency8().judge({"grid": grid, "own_control": True}, {})


def test_the_picture_shows_the_whole_grid():
    grid = (np.array(FASTER, dtype=float)[:, :, None] * NOISE).tolist()
    picture = Efficiency8().picture({"grid": grid, "own_control": True}, {})
    assert [[x for x, _ in series.points] for series in picture.series] == [list(STEPS)] * 2


def test_the_probe_fills_the_grid(monkeypatch):
    class Small(Efficiency8):
        """With n = 2."""

        states = 2

    class Bench:
        facts = {"rare_alias": False, "takes_alpha": False}
        seed = 0

        def need_update(self):
            pass

        def make(self, capacity, batch, seed):
            memory = UniformMemory(seed)
            memory.update = lambda handles, td: None
            return memory

    monkeypatch.setattr(efficiency_full, "RUNS", 4)
    measured = Small().probe(Bench())
    assert np.array(measured["grid"]).shape == (len(STEPS), 2, 4)
    assert (np.array(measured["grid"]) < MAX_UPDATES).all()
    assert measured["own_control"] is False
    assert Small().judge(measured, {}).verdict is not Verdict.PASS
