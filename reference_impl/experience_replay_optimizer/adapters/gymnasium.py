"""Steps of gymnasium environments (0.29 and newer), stored as the transitions that they are.

    env = Recorder(gymnasium.make("CartPole-v1"), buffer)
    observation, info = env.reset(seed=0)
    observation, reward, terminated, truncated, info = env.step(action)  # and it is stored

The loop around them stays as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import gymnasium
import numpy as np
from gymnasium import spaces

from .._episodes import as_flags, mapped, owned, stacked
from .._validate import as_finite
from ._infos import infos_by_environment

if TYPE_CHECKING:
    from numpy.typing import NDArray

AUTORESET_MODES = ("next_step", "same_step", "disabled")
_ARRAYS = (spaces.Box, spaces.Discrete, spaces.MultiBinary, spaces.MultiDiscrete)
_AUTORESET_WRAPPERS = {"Autoreset": "next_step", "AutoResetWrapper": "same_step"}


class Recorder:
    """Stands in for an environment and stores each step in a buffer; `reset` and `step` are the environment's.

    What goes wrong by hand is right here:

    - `terminated` is stored as `done`, `truncated` is not: after a time limit the target bootstraps.
    - The next observation of an episode's last step is its final one. Vector environments that reset in the same step
      return the first one of the next episode, and the final one in their infos ("final_obs", or "final_observation"
      of gymnasium 0.29).
    - Vector environments that reset in the step after the last one ignore its action: that step is no transition, and
      it is not stored.
    - An observation is copied before the next step: environments may write the next one into the same array.

    Dict observations are stored as (nested) dicts of arrays, and Tuple observations likewise, under "0", "1", ...

    Args:
        env: `gymnasium.Env`, or `gymnasium.vector.VectorEnv` with E environments; wrap it last.
        buffer: a replay buffer of this package, or `NStep` or `HindsightExperienceReplay` in front of one.
        autoreset: "next_step", "same_step" or "disabled". Without it a vector environment's
            `metadata["autoreset_mode"]` says it, or the version of gymnasium (same step before 1.0, next step from 1.0
            on); a single environment resets itself only under gymnasium's wrapper for that.

    Raises:
        TypeError: observations or actions that cannot be stored as arrays, such as texts and graphs.
        ValueError: another `autoreset`.
    """

    def __init__(self, env: Any, buffer: Any, autoreset: str | None = None) -> None:
        self.env = env
        self.buffer = buffer
        # Of the innermost one: wrappers of gymnasium 0.29 warn when asked for what they do not have themselves.
        self._vector = hasattr(env.unwrapped, "num_envs")
        self._size: int = env.unwrapped.num_envs if self._vector else 1
        self.autoreset = _autoreset_of(env, self._vector) if autoreset is None else autoreset
        if self.autoreset not in AUTORESET_MODES:
            raise ValueError(f"autoreset must be one of {', '.join(AUTORESET_MODES)}, not {self.autoreset!r}")
        _check_observations(env.single_observation_space if self._vector else env.observation_space)
        action_space = env.single_action_space if self._vector else env.action_space
        if not isinstance(action_space, _ARRAYS):
            raise TypeError(f"the action space must be one of arrays, not {type(action_space).__name__}; flatten it")
        self._observation: Any = None
        self._over = np.zeros(self._size, np.bool_)

    def __getattr__(self, name: str) -> Any:
        if name == "env":  # not there yet while an unpickled object is filled
            raise AttributeError(name)
        return getattr(self.env, name)

    def reset(self, *, seed: Any = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """As the environment's. Episodes that are still going end here; `options["reset_mask"]` resets only some."""
        mask = None if options is None else options.get("reset_mask")
        mask = np.ones(self._size, np.bool_) if mask is None else np.array(mask)
        observation, info = self.env.reset(seed=seed, options=options)
        if self._observation is not None and hasattr(self.buffer, "end_episode"):
            for row in np.flatnonzero(mask).tolist():
                self.buffer.end_episode(row)
        self._over[mask] = False
        self._observation = self._columns(observation)
        return observation, info

    def step(self, action: Any) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
        """As the environment's; what happened is stored.

        Raises:
            RuntimeError: `reset` was not called, or an episode is over and has not been reset; nothing has happened.
            TypeError, ValueError: the buffer refuses the transition, or the infos lack the final observation.
        """
        if self._observation is None:
            raise RuntimeError("call reset() before step()")
        if self.autoreset == "disabled" and self._over.any():
            over = np.flatnonzero(self._over).tolist()
            which = f" of environments {over}: reset(options={{'reset_mask': ...}})" if self._vector else ": reset()"
            raise RuntimeError(f"the episode is over, and the next one must be started{which}")
        # Copied before the step: the caller may reuse the array.
        actions = np.array(action) if self._vector else np.array(action)[None]
        result: tuple[Any, Any, Any, Any, dict[str, Any]] = self.env.step(action)
        observation, reward, terminated, truncated, info = result
        rewards = as_finite(reward, "reward", self._size)
        ends, cuts = as_flags(terminated, "terminated", self._size), as_flags(truncated, "truncated", self._size)
        infos = infos_by_environment(info if self._vector else [info], self._size)
        before, after = self._observation, self._columns(observation)
        self._observation = after
        started = self._over if self.autoreset == "next_step" else np.zeros(self._size, np.bool_)
        self._over = ends | cuts
        if self.autoreset == "same_step" and self._over.any():
            after = self._final(after, infos)
        self._store(np.flatnonzero(~started), before, actions, rewards, after, ends, cuts, infos)
        return result

    def _columns(self, observation: Any) -> Any:
        columns = owned(_without_tuples(observation), "observation")
        return columns if self._vector else mapped(lambda array: array[None], columns)

    def _final(self, after: Any, infos: list[Any]) -> Any:
        """The observations, with the final ones where an episode is over."""
        rows = []
        for row in range(self._size):
            if not self._over[row]:
                rows.append(mapped(lambda array, row=row: array[row], after))
                continue
            final = infos[row].get("final_obs", infos[row].get("final_observation"))
            if final is None:
                raise ValueError(
                    f"the infos hold no final observation of environment {row}; if it is reset in the step after its"
                    ' last one, write Recorder(env, buffer, autoreset="next_step")'
                )
            rows.append(owned(_without_tuples(final), "final observation"))
        return stacked(rows)

    def _store(self, rows: NDArray[np.int64], before: Any, actions: Any, rewards: Any, after: Any, *ends: Any) -> None:
        terminated, truncated, infos = ends
        if self._vector and not hasattr(self.buffer, "end_episode"):
            if rows.size:
                before, after = (mapped(lambda array: array[rows], columns) for columns in (before, after))
                chosen = [infos[row] for row in rows.tolist()]
                said = chosen if any(chosen) else None
                self.buffer.add_batch(before, actions[rows], rewards[rows], after, terminated[rows], said)
            return
        for row in rows.tolist():
            state, next_state = (mapped(lambda array, row=row: array[row], columns) for columns in (before, after))
            step = (state, actions[row], rewards[row], next_state, terminated[row])
            if hasattr(self.buffer, "end_episode"):
                self.buffer.add(*step, truncated[row], infos[row], row)
            else:
                self.buffer.add(*step, infos[row])


def _autoreset_of(env: Any, vector: bool) -> str:
    if vector:
        mode = (env.metadata or {}).get("autoreset_mode")
        if mode is not None:
            return str(getattr(mode, "name", mode)).lower()
        return "same_step" if int(gymnasium.__version__.split(".")[0]) < 1 else "next_step"
    layer = env
    while layer is not None:
        if type(layer).__name__ in _AUTORESET_WRAPPERS:
            return _AUTORESET_WRAPPERS[type(layer).__name__]
        layer = layer.__dict__.get("env")
    return "disabled"


def _check_observations(space: Any) -> None:
    if isinstance(space, (spaces.Dict, spaces.Tuple)):
        for part in space.spaces.values() if isinstance(space, spaces.Dict) else space.spaces:
            _check_observations(part)
    elif not isinstance(space, _ARRAYS):
        raise TypeError(
            f"observations of {type(space).__name__} have no fixed shape and cannot be stored as arrays; transform"
            " them with a wrapper, or use buffer.append(), which keeps any object"
        )


def _without_tuples(observation: Any) -> Any:
    if isinstance(observation, Mapping):
        return {key: _without_tuples(part) for key, part in observation.items()}
    if isinstance(observation, tuple):
        return {str(place): _without_tuples(part) for place, part in enumerate(observation)}
    return observation
