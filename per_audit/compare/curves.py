"""Curves of many runs brought onto one horizon."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from per_audit.compare.results import Curve

Array = npt.NDArray[np.float64]
POINTS = 101
_LAST = 0.1


@dataclass(frozen=True)
class Horizon:
    """From where to where the curves are compared; one point where `start` is `end`."""

    start: float
    end: float

    @property
    def grid(self) -> Array:
        """The steps at which curves are compared, shape (POINTS,) or (1,)."""
        return np.linspace(self.start, self.end, POINTS if self.end > self.start else 1)


def common_horizon(curves: Sequence[Curve], wanted: float | None = None) -> Horizon:
    """Where all curves have values: from the latest first step to the earliest last one, or to `wanted`.

    A curve that ends before `wanted` keeps its last value from there on. Curves that share no stretch, as of runs that
    report one number at different times, are compared by their last values.
    """
    start = max(curve.steps[0] for curve in curves)
    end = min(curve.steps[-1] for curve in curves) if wanted is None else wanted
    return Horizon(start, end) if end > start else Horizon(end, end)


def on_grid(curve: Curve, horizon: Horizon) -> Array:
    """The curve's values at `horizon.grid`, linear in between, shape (POINTS,); its last value, (1,), at one point."""
    grid = horizon.grid
    if grid.size == 1:
        return np.array([curve.values[-1]])
    steps, values = np.array(curve.steps), np.array(curve.values)
    # Where several values share a step, as of parallel environments, their mean counts.
    unique, place = np.unique(steps, return_inverse=True)
    means = np.bincount(place.reshape(-1), values) / np.bincount(place.reshape(-1))
    return np.asarray(np.interp(grid, unique, means), dtype=np.float64)


def area(rows: Array) -> Array:
    """The mean over the horizon of rows (n, points): the area under each curve by the width, shape (n,)."""
    if rows.shape[-1] == 1:
        return np.asarray(rows[:, 0], dtype=np.float64)
    inner = rows.sum(axis=-1) - 0.5 * (rows[:, 0] + rows[:, -1])
    return np.asarray(inner / (rows.shape[-1] - 1), dtype=np.float64)


def end_of(rows: Array) -> Array:
    """The mean over the last tenth of the horizon of rows (n, points), shape (n,)."""
    count = max(1, round(_LAST * rows.shape[-1]))
    return np.asarray(rows[:, -count:].mean(axis=-1), dtype=np.float64)


def steps_until(rows: Array, horizon: Horizon, level: float, lower_is_better: bool) -> Array:
    """The first step of the grid at which each row (n, points) is at `level` or better; infinite where it never is."""
    good = rows <= level if lower_is_better else rows >= level
    first = horizon.grid[good.argmax(axis=-1)]
    return np.where(good.any(axis=-1), first, np.inf)
