"""Which rewards are rare events: far from the mean of the rewards that came before."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_LARGEST = 1e150  # squares of larger rewards overflow float64


class RunningMoments:
    """Mean and standard deviation of a stream, by Welford's recurrence, in O(1) memory."""

    def __init__(self) -> None:
        self.count = 0
        self.mean = 0.0
        self.squares = 0.0

    def push(self, value: float) -> None:
        """Take one more value into account."""
        value = min(max(value, -_LARGEST), _LARGEST)
        self.count += 1
        delta = value - self.mean
        self.mean += delta / self.count
        self.squares += delta * (value - self.mean)

    def push_many(self, count: int, deviations: float, squares: float) -> None:
        """Take `count` more values into account.

        Args:
            deviations, squares: sums of the values' deviations from the present mean, and of their squares.
        """
        self.count += count
        self.mean += deviations / self.count
        self.squares += max(0.0, squares - deviations * deviations / self.count)

    @property
    def deviation(self) -> float:
        """Population standard deviation; 0 before the first value."""
        return math.sqrt(self.squares / self.count) if self.count else 0.0


class RareEventDetector:
    """A reward is rare when |r - mean| > `deviations` * sd + 1e-9 (1 + |mean|), moments over *earlier* rewards.

    The small last term keeps rounding from flagging rewards that are all equal. The first `burn_in` rewards say too
    little to judge the next by; they are judged together once, when there are `burn_in` of them.

    Args:
        deviations: distance from the mean in standard deviations.
        burn_in: number of rewards before the first judgement.
    """

    def __init__(self, deviations: float = 3.0, burn_in: int = 20) -> None:
        self.deviations = deviations
        self.burn_in = burn_in
        self._plain = deviations * deviations * (1.0 - 1e-9)
        self.moments = RunningMoments()
        self._waiting: dict[int, float] = {}

    def observe(self, slot: int, reward: float, judge: bool = True) -> list[int]:
        """Take the reward of the transition just stored in `slot`; returns the slots now known to be rare.

        Args:
            slot: where the transition is.
            reward: its reward, finite.
            judge: False where the caller has decided already; the reward still counts for later ones.
        """
        if self.moments.count >= self.burn_in:
            rare = judge and self._is_rare(reward)
            self.moments.push(reward)
            return [slot] if rare else []
        self.forget(slot)
        if judge:
            self._waiting[slot] = reward
        self.moments.push(reward)
        if self.moments.count < self.burn_in:
            return []
        found = [waiting for waiting, its_reward in self._waiting.items() if self._is_rare(its_reward)]
        self._waiting.clear()
        return found

    def pass_by(self, reward: float) -> bool:
        """Take a reward into account that is plainly not rare; False, and nothing is done, where it may be."""
        moments = self.moments
        count, delta = moments.count, reward - moments.mean
        if count < self.burn_in or delta * delta * count > self._plain * moments.squares:
            return False
        moments.count = count + 1
        moments.mean += delta / moments.count
        moments.squares += delta * (reward - moments.mean)
        return True

    @property
    def ready(self) -> bool:
        """Whether the burn-in is over: each reward is judged when it comes."""
        return self.moments.count >= self.burn_in

    def observe_many(self, rewards: NDArray[np.floating[Any]]) -> NDArray[np.bool_] | None:
        """`observe` for rewards that come one after the other, shape (n,), after the burn-in.

        Returns:
            Which ones are rare, bool of shape (n,); None where none is.
        """
        moments = self.moments
        values = rewards - moments.mean
        largest = max(float(values.max()), -float(values.min()))
        if largest > _LARGEST:
            values = np.clip(rewards, -_LARGEST, _LARGEST) - moments.mean
        count, mean, squares = moments.count, moments.mean, moments.squares
        # The deviation shrinks no faster than that, and the mean moves no further: usually no reward is to be judged.
        slowest = (self.deviations * math.sqrt(squares / (count + values.size)) + 1e-9) / (1.0 + values.size / count)
        if largest <= slowest:
            moments.push_many(values.size, float(values.sum()), float(values.dot(values)))
            return None
        # Moments over the rewards before each one, about the mean that was known so far: sums of deviations stay small.
        sums, sums_of_squares = values.cumsum(), (values * values).cumsum()
        moments.push_many(values.size, float(sums[-1]), float(sums_of_squares[-1]))
        rare = np.zeros(values.size, np.bool_)
        found = False
        for at in np.flatnonzero(np.abs(values) > slowest).tolist():
            value, before = float(values[at]), count + at
            shift = (float(sums[at]) - value) / before
            variance = (squares + float(sums_of_squares[at]) - value * value) / before - shift * shift
            limit = self.deviations * math.sqrt(max(variance, 0.0)) + 1e-9 * (1.0 + abs(mean + shift))
            if abs(value - shift) > limit:
                rare[at] = found = True
        return rare if found else None

    def forget(self, slot: int) -> None:
        """The transition in `slot` is gone; its reward stays in the moments."""
        self._waiting.pop(slot, None)

    def state(self) -> dict[str, Any]:
        """The moments, and the rewards that wait for a judgement, for JSON."""
        return {"moments": vars(self.moments), "waiting": list(self._waiting.items())}

    def restore(self, state: dict[str, Any]) -> None:
        """Take over what `state` returned."""
        vars(self.moments).update(state["moments"])
        self._waiting = dict(state["waiting"])

    def _is_rare(self, reward: float) -> bool:
        mean = self.moments.mean
        return abs(reward - mean) > self.deviations * self.moments.deviation + 1e-9 * (1.0 + abs(mean))
