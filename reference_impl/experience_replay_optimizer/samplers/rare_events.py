"""Which rewards are rare events: far from the mean of the rewards that came before."""

from __future__ import annotations

import math
from typing import Any

_LARGEST = 1e150  # squares of larger rewards overflow float64


class RunningMoments:
    """Mean and standard deviation of a stream, by Welford's recurrence, in O(1) memory."""

    def __init__(self) -> None:
        self.count = 0
        self.mean = 0.0
        self._squares = 0.0

    def push(self, value: float) -> None:
        """Take one more value into account."""
        value = min(max(value, -_LARGEST), _LARGEST)
        self.count += 1
        delta = value - self.mean
        self.mean += delta / self.count
        self._squares += delta * (value - self.mean)

    @property
    def deviation(self) -> float:
        """Population standard deviation; 0 before the first value."""
        return math.sqrt(self._squares / self.count) if self.count else 0.0


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

    def forget(self, slot: int) -> None:
        """The transition in `slot` is gone; its reward stays in the moments."""
        self._waiting.pop(slot, None)

    def state(self) -> dict[str, Any]:
        """The moments, and the rewards that wait for a judgement, for JSON."""
        return {"moments": vars(self.moments), "waiting": list(self._waiting.items())}

    def restore(self, state: dict[str, Any]) -> None:
        """Take over what `state` returned."""
        vars(self.moments).update(state["moments"])
        self._waiting = {slot: reward for slot, reward in state["waiting"]}

    def _is_rare(self, reward: float) -> bool:
        mean = self.moments.mean
        return abs(reward - mean) > self.deviations * self.moments.deviation + 1e-9 * (1.0 + abs(mean))
