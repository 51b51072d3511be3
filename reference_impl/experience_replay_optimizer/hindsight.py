"""Hindsight experience replay: learning from a failure as if what was achieved had been the goal.

Andrychowicz et al. 2017 (arXiv 1707.01495).
"""

from __future__ import annotations

import operator
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ._episodes import as_buffer, as_env, as_flags, as_step, mapped, stacked
from ._validate import as_count, as_finite, as_generator, to_numpy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from numpy.typing import NDArray

    from ._episodes import Step

STRATEGIES = ("future", "final", "episode")


class HindsightExperienceReplay:
    """Stores each episode in a buffer, and again with goals that it achieved in place of the desired one.

    Hindsight experience replay (Andrychowicz et al. 2017, arXiv 1707.01495).

    `add` takes the steps of a goal environment of gymnasium-robotics' form, whose observations are dicts with
    "observation", "achieved_goal" and "desired_goal". At the end of an episode of T steps the buffer gets the T
    transitions and k T relabelled ones in one write: the desired goal of both observations becomes one achieved
    after a step of the same episode, and the reward is computed anew. They enter with the maximum priority, as all
    transitions do. The step whose outcome is the new goal of transition t is drawn for each copy by itself:

    - "future": uniform over t ... T-1, so never a goal of the past (section 4.5 of the paper finds it best);
    - "episode": uniform over 0 ... T-1;
    - "final": T-1; the k copies are equal, so k = 1 is enough.

    `augment_experience` relabels a list of transitions whose goals are states, without a buffer.

    Args:
        compute_reward: the environment's reward function, `env.unwrapped.compute_reward` for example; or define the
            method in a subclass. `add` calls it with (achieved_goal, desired_goal, info), `augment_experience` with
            (next_state, goal).
        strategy: "future", "final" or "episode".
        k: relabelled copies of each transition, at least 1 (`n_sampled_goal` in other libraries).
        buffer: any replay buffer of this package that holds k + 1 episodes and more; it is `self.buffer`. Sample from
            it and update it as always.
        compute_terminated: function of (achieved_goal, desired_goal, info) for environments whose episodes end at the
            goal: a relabelled transition that reaches its goal must then be terminated, and one that misses it not.
            Without it relabelled transitions keep the flag of the original.
        vectorised: whether both functions take all k T pairs of goals in one call, as arrays with a leading axis and
            a list of infos, and return an array of shape (k T,). With False they are called for each pair, with that
            transition's goals and info, and return a number. In gymnasium-robotics the rewards take arrays; the mazes'
            compute_terminated does not.
        seed: anything that `numpy.random.default_rng` takes.
        rng: a `numpy.random.Generator` to use, in place of `seed`.

    An info that was not given is {} for these functions. The `info` of a step goes to the buffer with the original
    transition alone: its flags of rare events are not multiplied.

    Raises:
        TypeError, ValueError: an argument of the wrong type or out of range.
    """

    compute_reward: Callable[..., Any]

    def __init__(
        self,
        compute_reward: Callable[..., Any] | None = None,
        strategy: str = "future",
        k: int = 4,
        *,
        buffer: Any = None,
        compute_terminated: Callable[..., Any] | None = None,
        vectorised: bool = True,
        seed: Any = None,
        rng: np.random.Generator | None = None,
    ) -> None:
        if compute_reward is not None:
            self.compute_reward = compute_reward
        if not callable(getattr(self, "compute_reward", None)):
            raise TypeError(
                f"compute_reward must be callable, not {compute_reward!r}; give the environment's function,"
                " or define the method in a subclass"
            )
        if compute_terminated is not None and not callable(compute_terminated):
            raise TypeError(f"compute_terminated must be callable or None, not {compute_terminated!r}")
        if strategy not in STRATEGIES:
            raise ValueError(f"strategy must be one of {', '.join(STRATEGIES)}, not {strategy!r}")
        self.strategy = strategy
        self.k = as_count(k, "k")
        self.buffer: Any = None if buffer is None else as_buffer(buffer, self)
        self.compute_terminated = compute_terminated
        self.vectorised = vectorised
        self._rng = as_generator(seed, rng)
        self._open: dict[int, list[Step]] = {}

    def add(
        self,
        state: Mapping[str, Any],
        action: Any,
        reward: Any,
        next_state: Mapping[str, Any],
        terminated: Any,
        truncated: Any = False,
        info: Mapping[str, Any] | None = None,
        env: int = 0,
    ) -> None:
        """Take one step of a goal environment; with its last step the episode is stored.

        Args:
            state, next_state: dicts with "observation", "achieved_goal" and "desired_goal", numbers or arrays or
                (nested) dicts of them; other keys are stored too. After the last step of an episode `next_state` is
                its final observation, not the first of the next episode.
            action: number or array.
            reward: finite number; kept for the original transition.
            terminated: whether the environment ended the episode; it is stored as `done`.
            truncated: whether the episode was cut off otherwise, by a time limit for example.
            info: the environment's dict.
            env: number of the environment, from 0, where several take turns: each has an open episode of its own.

        Raises:
            TypeError: an observation that is no dict, or a field that is not made of numbers.
            ValueError: no buffer was given, a key is missing, another shape than before, a reward that is not finite
                or one of the functions returns another shape. Nothing has changed then.
        """
        if self.buffer is None:
            raise ValueError("there is no buffer to add to: HindsightExperienceReplay(compute_reward, buffer=buffer)")
        env = as_env(env)
        steps = self._open.get(env, [])
        for name, observation in (("state", state), ("next_state", next_state)):
            _check_observation(observation, name)
        step, ended = as_step(
            steps[0] if steps else None, state, action, reward, next_state, terminated, truncated, info
        )
        shapes = [mapped(np.shape, step.state[key]) for key in ("achieved_goal", "desired_goal")]
        if shapes[0] != shapes[1]:
            raise ValueError(f"achieved_goal has shape {shapes[0]}, and desired_goal {shapes[1]}")
        if ended:
            self._store([*steps, step])
            self._open.pop(env, None)
        else:
            self._open.setdefault(env, steps).append(step)

    def end_episode(self, env: int = 0) -> None:
        """End the episode of an environment after the last step given, and store it: for a reset in mid-episode.

        Args:
            env: number of the environment; nothing happens where it has no open episode.

        Raises:
            TypeError, ValueError: no int from 0, or as `add` does. The episode stays open then.
        """
        env = as_env(env)
        if env in self._open:
            self._store(self._open[env])
            del self._open[env]

    def augment_experience(
        self, trajectory: Iterable[tuple[Any, Any, Any]], achieved_goal: Any, desired_goal: Any
    ) -> list[tuple[Any, Any, Any, Any, Any]]:
        """The transitions of one episode with several goals each, for a learner that takes goals beside states.

        Each transition comes 2 + k times: with the desired goal, with the achieved goal, and with the goals of k
        states that the trajectory reached, drawn by `strategy`; under "future" none that was reached before the
        transition. `compute_reward(next_state, goal)` is called once for each, whatever `vectorised` is.

        Args:
            trajectory: (state, action, next_state) in order of time, any objects.
            achieved_goal: what the episode achieved in the end.
            desired_goal: what it should have achieved.

        Returns:
            (state, action, reward, next_state, goal), transition by transition; T (2 + k) tuples. Nothing is copied.
        """
        trajectory = list(trajectory)
        if not trajectory:
            return []
        reached = [self.goal_of(next_state) for _, _, next_state in trajectory]
        augmented: list[tuple[Any, Any, Any, Any, Any]] = []
        for (state, action, next_state), steps in zip(trajectory, self._goal_steps(len(trajectory)).T):  # noqa: B905
            goals = (desired_goal, achieved_goal, *(reached[step] for step in steps))
            augmented.extend((state, action, self.compute_reward(next_state, goal), next_state, goal) for goal in goals)
        return augmented

    def goal_of(self, state: Any) -> Any:
        """The goal that `state` achieves, for `augment_experience`: the state itself, unless a subclass says else."""
        return state

    def _goal_steps(self, length: int) -> NDArray[np.int64]:
        """The steps whose outcomes are the goals of each transition's copies, shape (k, length)."""
        earliest: Any = {"future": np.arange(length), "final": length - 1, "episode": 0}[self.strategy]
        steps: NDArray[np.int64] = self._rng.integers(earliest, length, (self.k, length))
        return steps

    def _store(self, steps: list[Step]) -> None:
        states, actions, rewards, next_states, terminated, infos = zip(*steps)  # noqa: B905
        states, actions, next_states = stacked(states), stacked(actions), stacked(next_states)
        length, copies = len(steps), self.k * len(steps)
        rows = np.tile(np.arange(length), self.k)
        sources = self._goal_steps(length).reshape(-1)
        goals = mapped(lambda column: column[sources], next_states["achieved_goal"])
        achieved = mapped(lambda column: column[rows], next_states["achieved_goal"])
        known = [{} if info is None else info for info in infos] * self.k

        new_rewards = as_finite(
            self._outcomes(self.compute_reward, achieved, goals, known), "what compute_reward returns", copies
        )
        flags = np.array(terminated)
        new_flags = flags[rows]
        if self.compute_terminated is not None:
            outcomes = self._outcomes(self.compute_terminated, achieved, goals, known)
            new_flags = as_flags(outcomes, "what compute_terminated returns", copies)
        self.buffer.add_batch(
            _with_goals(states, rows, goals),
            actions[np.concatenate((np.arange(length), rows))],
            np.concatenate((rewards, new_rewards)),
            _with_goals(next_states, rows, goals),
            np.concatenate((flags, new_flags)),
            [*infos, *[None] * copies],
        )

    def _outcomes(self, function: Callable[..., Any], achieved: Any, goals: Any, infos: list[Any]) -> Any:
        if self.vectorised:
            return function(achieved, goals, infos)
        rows = [operator.itemgetter(row) for row in range(len(infos))]
        return [function(mapped(row, achieved), mapped(row, goals), info) for row, info in zip(rows, infos)]  # noqa: B905


def concatenate_goal(
    observation: Mapping[str, Any], keys: Sequence[str] = ("observation", "desired_goal")
) -> NDArray[Any]:
    """The parts of a goal environment's observation side by side: the input of a network that takes one vector.

    Args:
        observation: one observation of the environment, or `batch.states` of a buffer.
        keys: the parts and their order.

    Returns:
        shape (D,) for parts of shapes (d,), or (B, D) for (B, d), with D the sum of the d; numpy's common dtype.

    Raises:
        ValueError: a part is missing, or the parts have different numbers of rows or of axes.
    """
    missing = [key for key in keys if key not in observation]
    if missing:
        raise ValueError(f"observation has no {missing[0]!r}, only {sorted(observation)}")
    parts = [to_numpy(observation[key]) for key in keys]
    shapes = [part.shape for part in parts]
    if len({shape[:-1] for shape in shapes}) != 1 or len(shapes[0]) not in (1, 2):
        raise ValueError(f"{' and '.join(keys)} must be vectors, or rows of them, not of shapes {shapes}")
    return np.concatenate(parts, axis=-1)


def _check_observation(observation: Any, name: str) -> None:
    if not isinstance(observation, Mapping):
        raise TypeError(
            f'{name} must be a dict with "observation", "achieved_goal" and "desired_goal",'
            f" not {type(observation).__name__}; augment_experience() takes states that are goals"
        )
    for key in ("observation", "achieved_goal", "desired_goal"):
        if key not in observation:
            raise ValueError(f"{name} has no {key!r}, only {sorted(observation)}")


def _with_goals(observations: Any, rows: NDArray[np.int64], goals: Any) -> Any:
    """The observations, and behind them those in `rows` with other desired goals."""
    relabelled = {**mapped(lambda column: column[rows], observations), "desired_goal": goals}
    return mapped(lambda *parts: np.concatenate(parts), observations, relabelled)
