"""n-step returns in front of a replay buffer (Sutton 1988; with replay: Hessel et al. 2018, section 3)."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

import numpy as np

from ._episodes import as_buffer, as_env, as_flags, as_step, mapped, owned, stacked
from ._validate import as_count, as_finite, as_float, to_numpy

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from ._episodes import Step


class NStep:
    """Turns the steps of an environment into n-step transitions and stores them in a buffer (Sutton 1988).

    For each step t the buffer gets (s_t, a_t, R, s_{t+m}, terminated) with an extra column `discount`, where
    R = sum of gamma^k r_{t+k} over k = 0 ... m-1 in float64 and discount = gamma^m. The bootstrap target is

        R + discount * (1 - terminated) * Q(s_{t+m}).

    m is n, or less where the episode ends within n steps of t: no transition crosses the end of an episode, and the
    last n - 1 steps are stored too, each with its own discount. After a truncation nothing is terminated, and the
    target bootstraps from the final observation. A transition is stored when its last step is known, n - 1 steps
    after its first; its `info` is that of step t.

    The returns are those of the policy that acted: off policy they are uncorrected, as in Rainbow (Hessel et al. 2018,
    section 3).

    Args:
        n: number of steps; 1 stores the steps as they are.
        gamma: discount of a step, in [0, 1].
        buffer: any replay buffer of this package; it is `self.buffer`. Sample from it and update it as always.

    Raises:
        TypeError, ValueError: an argument of the wrong type or out of range.
    """

    def __init__(self, n: int, gamma: float, buffer: Any) -> None:
        self.n = as_count(n, "n")
        self.gamma = as_float(gamma, "gamma", 0.0, 1.0)
        self.buffer = as_buffer(buffer, self)
        self._open: dict[int, list[Step]] = {}

    def add(
        self,
        state: Any,
        action: Any,
        reward: Any,
        next_state: Any,
        terminated: Any,
        truncated: Any = False,
        info: Mapping[str, Any] | None = None,
        env: int = 0,
    ) -> None:
        """Take one step of an environment, and store what it completes.

        Args:
            state, next_state: numbers, arrays, tensors or (nested) dicts of them; after the last step of an episode
                `next_state` is its final observation, not the first of the next episode.
            action: number or array.
            reward: finite number.
            terminated: whether the environment ended the episode.
            truncated: whether the episode was cut off otherwise, by a time limit for example.
            info: the environment's dict.
            env: number of the environment, from 0, where several take turns.

        Raises:
            TypeError, ValueError: as `add` of the buffer does. Nothing has changed then.
        """
        self._take([(as_env(env), state, action, reward, next_state, terminated, truncated, info)])

    def add_batch(
        self,
        states: Any,
        actions: Any,
        rewards: Any,
        next_states: Any,
        terminated: Any,
        truncated: Any = None,
        infos: Sequence[Mapping[str, Any] | None] | None = None,
    ) -> None:
        """Take one step of each of the environments 0 ... E-1; what they complete is stored in one write.

        Args:
            states, actions, next_states: as in `add`, each array with a leading axis of E.
            rewards, terminated, truncated: shape (E,); without `truncated` nothing is truncated.
            infos: one dict (or None) for each environment.

        Raises:
            TypeError, ValueError: as `add`, or a leading axis that is not E long. Nothing has changed then.
        """
        count = to_numpy(rewards).size
        columns = (
            range(count),
            _per_env(states, "states", count),
            _per_env(actions, "actions", count),
            as_finite(rewards, "rewards", count),
            _per_env(next_states, "next_states", count),
            as_flags(terminated, "terminated", count),
            [False] * count if truncated is None else as_flags(truncated, "truncated", count),
            [None] * count if infos is None else list(infos),
        )
        if len(columns[-1]) != count:
            raise ValueError(f"infos has {len(columns[-1])} entries, expected {count}: one dict for each environment")
        self._take(list(zip(*columns)))  # noqa: B905

    def end_episode(self, env: int = 0) -> None:
        """End the episode of an environment as a truncation after the last step given: for a reset in mid-episode.

        Args:
            env: number of the environment; nothing happens where it has no open episode.

        Raises:
            TypeError, ValueError: no int from 0, or as `add` does. The episode stays open then.
        """
        env = as_env(env)
        steps = self._open.get(env, [])
        self._store(self._completed(steps, True))
        self._open.pop(env, None)

    def _take(self, given: list[tuple[Any, ...]]) -> None:
        """Steps of different environments: all are stored, or none is."""
        after: dict[int, list[Step]] = {}
        completed = []
        for env, *fields in given:
            steps = self._open.get(env, [])
            step, ended = as_step(steps[0] if steps else None, *fields)
            steps = [*steps, step]
            ready = self._completed(steps, ended)
            completed += ready
            after[env] = steps[len(ready) :]
        self._store(completed)
        self._open.update(after)

    def _completed(self, steps: list[Step], ended: bool) -> list[tuple[Any, ...]]:
        """The transitions that end with the last of at most n steps, oldest first."""
        completed = []
        value = 0.0
        for length, step in enumerate(reversed(steps), start=1):
            value = step.reward + self.gamma * value
            if ended or length == self.n:
                last = steps[-1]
                fields = (step.state, step.action, value, last.next_state, last.terminated, step.info)
                completed.append((*fields, self.gamma**length))
        return completed[::-1]

    def _store(self, transitions: list[tuple[Any, ...]]) -> None:
        if len(transitions) == 1:
            *fields, discount = transitions[0]
            self.buffer.add(*fields, discount=discount)
        elif transitions:
            states, actions, returns, next_states, terminated, infos, discounts = zip(*transitions)  # noqa: B905
            columns = (stacked(states), stacked(actions), np.array(returns), stacked(next_states), np.array(terminated))
            self.buffer.add_batch(*columns, list(infos), discount=np.array(discounts))


def _per_env(values: Any, name: str, count: int) -> list[Any]:
    """The part of each environment in arrays with a leading axis of `count`."""

    def check(array: NDArray[Any]) -> None:
        if array.shape[:1] != (count,):
            raise ValueError(f"{name} has shape {array.shape}, expected ({count}, ...): a row for each environment")

    columns = owned(values, name)
    mapped(check, columns)
    return [mapped(operator.itemgetter(env), columns) for env in range(count)]
