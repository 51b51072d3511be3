"""Schedules of beta, the exponent of the importance-sampling weights.

The correction must be full (beta = 1) when learning converges: Schaul et al. 2015, section 3.4.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._validate import as_count, as_float

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol

    class Schedule(Protocol):
        """What a sampler needs of a schedule."""

        @property
        def value(self) -> float:
            """The value that the next call returns."""

        def __call__(self) -> float:
            """The current value; the schedule then moves on by one step."""


class LinearSchedule:
    """From `start` to `end` in `steps` equal steps, then constant. One step is one call of `sample()`.

    For beta: from 0.4 to 1 over the whole training (Schaul et al. 2015, section 3.4 and table 3). A schedule that two
    buffers share moves on with the calls of both.

    Args:
        start: first value.
        end: value from call number `steps` on (counted from 0).
        steps: number of calls, at least 1: the number of batches that the whole training draws.

    Raises:
        TypeError, ValueError: a value that is not finite, or `steps` that is not a positive int.
    """

    def __init__(self, start: float, end: float, steps: int) -> None:
        self.start = as_float(start, "start")
        self.end = as_float(end, "end")
        self.steps = as_count(steps, "steps")
        self._step = 0

    @property
    def value(self) -> float:
        """The value that the next call returns."""
        if self._step >= self.steps:
            return self.end
        return self.start + (self.end - self.start) * (self._step / self.steps)

    def __call__(self) -> float:
        """The current value; the schedule then moves on by one step."""
        value = self.value
        self._step = min(self._step + 1, self.steps)
        return value

    def __repr__(self) -> str:
        return f"LinearSchedule({self.start:g}, {self.end:g}, {self.steps})"


class IncrementSchedule:
    """From `start` up by `increment` a call, at most `end`; an increment of 0 is a constant."""

    def __init__(self, start: float, increment: float, end: float = 1.0) -> None:
        self.start = as_float(start, "start")
        self.increment = as_float(increment, "increment", 0.0)
        self.end = as_float(end, "end")
        self._step = 0

    @property
    def value(self) -> float:
        """The value that the next call returns."""
        return min(self.end, self.start + self._step * self.increment)

    def __call__(self) -> float:
        """The current value; the schedule then moves on by one step."""
        value = self.value
        self._step += 1
        return value


class FunctionSchedule:
    """A function of no arguments, asked anew each time: the caller's own step counter decides."""

    def __init__(self, function: Callable[[], float]) -> None:
        self._function = function

    @property
    def value(self) -> float:
        """What the function says now."""
        return float(self._function())

    def __call__(self) -> float:
        """What the function says now."""
        return float(self._function())


def as_beta_schedule(beta: Any, increment: Any) -> Schedule:
    """The schedule that a constructor's `beta` and `beta_increment` stand for.

    A schedule (callable with `.value`) is used as it is and `increment` is not used; so is a plain function; a number
    in [0, 1] grows by `increment` a call up to 1.
    """
    if not callable(beta):
        return IncrementSchedule(as_float(beta, "beta", 0.0, 1.0), as_float(increment, "beta_increment", 0.0))
    if hasattr(beta, "value"):
        schedule: Schedule = beta
        as_float(schedule.value, "beta", 0.0, 1.0)
        if isinstance(schedule, LinearSchedule):
            as_float(schedule.end, "the end of the schedule of beta", 0.0, 1.0)
        return schedule
    return FunctionSchedule(beta)


def schedule_state(schedule: Schedule) -> dict[str, Any] | None:
    """What a schedule of this module needs to go on where it is; None for one of the user's own."""
    if type(schedule) in (LinearSchedule, IncrementSchedule):
        return {"kind": type(schedule).__name__, **vars(schedule)}
    return None


def restored_schedule(state: dict[str, Any] | None, schedule: Schedule) -> Schedule:
    """The schedule that `state` tells of; `schedule`, which is in use, where it tells nothing."""
    if state is None:
        return schedule
    kind: Any = {"LinearSchedule": LinearSchedule, "IncrementSchedule": IncrementSchedule}[state["kind"]]
    restored: Schedule = kind.__new__(kind)
    vars(restored).update({name: value for name, value in state.items() if name != "kind"})
    return restored
