from __future__ import annotations

import numpy as np
import pytest

from per_audit.compare.curves import Horizon, area, common_horizon, end_of, on_grid, steps_until
from per_audit.compare.results import Curve


def curve(steps, values):
    return Curve(tuple(map(float, steps)), tuple(map(float, values)), "step")


def test_the_horizon_is_what_all_curves_have():
    both = [curve([0, 100], [0, 1]), curve([10, 80], [0, 1])]
    assert common_horizon(both) == Horizon(10, 80)
    assert common_horizon(both, 200) == Horizon(10, 200)
    assert common_horizon([curve([5], [1]), curve([9], [1])]).grid.tolist() == [5]


def test_area_is_the_mean_over_the_steps_not_over_the_points():
    # Many points early on must not weigh more than the long rest.
    rows = np.stack([on_grid(curve([0, 1, 2, 3, 4, 100], [0, 0, 0, 0, 0, 96]), Horizon(0, 100))])
    assert area(rows)[0] == pytest.approx(0.96 * 48, rel=1e-3)
    assert area(np.array([[3.0]])) == [3.0]


def test_a_curve_that_ends_keeps_its_last_value():
    row = on_grid(curve([0, 50], [0, 10]), Horizon(0, 100))
    assert row[50:].tolist() == [10.0] * 51


def test_one_step_with_several_values_has_their_mean():
    assert on_grid(curve([0, 0, 1, 1], [0, 2, 4, 6]), Horizon(0, 1))[[0, -1]].tolist() == [1.0, 5.0]


def test_the_end_and_the_steps_to_a_level():
    horizon = Horizon(0, 100)
    rows = np.stack([on_grid(curve([0, 100], ends), horizon) for ends in ([0, 100], [0, 10], [100, 0])])
    assert end_of(rows) == pytest.approx([95.5, 9.55, 4.5])
    assert steps_until(rows, horizon, 50, lower_is_better=False).tolist() == [50.0, np.inf, 0.0]
    assert steps_until(rows, horizon, 5, lower_is_better=True).tolist() == [0.0, 0.0, 95.0]
