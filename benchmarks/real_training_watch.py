"""What the drivers of `real_training.py` have in common: how a training is watched from outside, and small worlds.

Nothing of a repository is changed: functions of the vendored package and of torch or Keras are wrapped before the
repository's modules are imported.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import json
import math
import random
import sys
import time
import types
from typing import TYPE_CHECKING, Any

import gymnasium
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

PACKAGE = "experience_replay_optimizer"
WINDOW = 60  # steps that are timed together: some train the actor or follow an episode's end, others do not


class Enough(BaseException):
    """Ends a training that would go on for hours."""


class Quiet:
    """Stands for loggers and plots: everything can be asked of it, and nothing happens."""

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def __getattr__(self, name: str) -> Any:
        return lambda *_, **__: None


class Watch:
    """Counts steps of optimisers, and follows draws to losses and back where the code draws by priority."""

    def __init__(self, steps: int, is_timed: bool) -> None:
        self.steps, self.taken = steps, 0
        self.times: list[float] = []
        self.draws = self.losses = self.updates = self.varying = self.alien = self.infinite = 0
        self.values: list[float] = []
        self.slots, self.weights = np.empty(0), np.empty(0)
        self.updating = False
        self.samplers: dict[int, Any] = {}
        self.is_watching = importlib.util.find_spec(PACKAGE) is not None and not is_timed
        self.wrap_learning()
        if self.is_watching:
            sampler = importlib.import_module(f"{PACKAGE}.samplers.prioritized").PrioritizedSampler
            self.wrap(sampler, "sample", self.on_sample)
            self.wrap(sampler, "update", self.on_update)
            if importlib.util.find_spec(f"{PACKAGE}.replay_buffer") is not None:
                buffer = importlib.import_module(f"{PACKAGE}.replay_buffer").ReplayBuffer
                self.wrap(buffer, "update_priorities", self.on_update)

    def wrap_learning(self) -> None:
        """Have `count` called before each step of learning and `note` after each weighted loss."""
        raise NotImplementedError

    @staticmethod
    def wrap(owner: Any, name: str, watcher: Callable[..., Any]) -> None:
        call = getattr(owner, name)
        setattr(owner, name, lambda *args, **kwargs: watcher(call, *args, **kwargs))

    def count(self) -> None:
        """One more step of learning is about to be taken. Raises Enough where it would be one too many."""
        self.taken += 1
        if self.taken > self.steps // 4:  # what is compiled is compiled by then
            self.times.append(time.process_time())
        if self.taken > self.steps:
            raise Enough

    def note(self, weights: Any, rows: int, value: float) -> None:
        """The loss of so many rows, with the weights that it was given."""
        given = np.asarray(weights).reshape(-1)
        self.losses += 1
        self.alien += not (rows == len(self.slots) == len(given) and np.allclose(given, self.weights))
        self.values.append(value)
        self.infinite += not math.isfinite(value)

    def on_sample(self, call: Callable[..., Any], sampler: Any, *args: Any, **kwargs: Any) -> Any:
        slots, weights = call(sampler, *args, **kwargs)
        self.samplers[id(sampler)] = sampler
        self.slots, self.weights = np.array(slots), np.array(weights)
        self.draws += 1
        self.varying += bool(self.weights.max() / self.weights.min() > 1.001)
        return slots, weights

    def on_update(self, call: Callable[..., Any], owner: Any, indices: Any, errors: Any) -> None:
        """Of a sampler, or of a buffer around one, which may leave it to its sampler."""
        if not self.updating:
            self.updates += 1
            slots = np.asarray(indices).reshape(-1) % owner.capacity
            self.alien += not (np.array_equal(slots, self.slots) and np.isfinite(np.asarray(errors)).all())
        self.updating = True
        call(owner, indices, errors)
        self.updating = False

    def report(self) -> dict[str, Any]:
        spread = 1.0
        for sampler in self.samplers.values():
            shares = sampler.probabilities(np.arange(len(sampler)), len(self.slots))
            spread = float(np.quantile(shares, 0.95) / np.quantile(shares, 0.05))
        seen = {name: getattr(self, name) for name in ("draws", "losses", "updates", "varying", "alien", "infinite")}
        first, last = (float(np.mean(part)) if part else 0.0 for part in (self.values[:50], self.values[-50:]))
        # Other work on the machine slows all but a few windows: the least is what the step takes.
        width = min(WINDOW, max(len(self.times) // 4, 1))
        windows = (later - earlier for earlier, later in zip(self.times[:-width:5], self.times[width::5], strict=False))
        milliseconds = 1000 * min(windows) / width
        return {**seen, "spread": spread, "first": first, "last": last, "milliseconds": milliseconds}


# ------------------------------------------------------------------------------------------------ worlds


class FourTuple(gymnasium.Wrapper):
    """The interface of gym before 0.26."""

    _max_episode_steps = 200

    def reset(self, **options: Any) -> Any:
        return self.env.reset(**options)[0]

    def step(self, action: Any) -> Any:
        state, reward, terminated, truncated, info = self.env.step(action)
        return state, reward, terminated or truncated, info

    def seed(self, number: int) -> None:
        self.env.reset(seed=number)


def make(name: str, **_: Any) -> Any:
    return FourTuple(gymnasium.make(name, disable_env_checker=True))


def stub(name: str, **contents: Any) -> None:
    """A module of that name that holds nothing else."""
    module = types.ModuleType(name)
    vars(module).update(contents)
    sys.modules[name] = module


def follow(
    name: str,
    act: Callable[[Any], Any],
    store: Callable[..., object],
    learn: Callable[[], object],
    warmup: int = 300,
    shape: Callable[[Any], Any] = np.asarray,
) -> None:
    """Train for ever: `store` gets state, action, reward, next state, end; `shape` is how the agent sees a state."""
    env = make(name)
    state = env.reset(seed=0)
    count = 0
    while True:
        action = act(shape(state))
        following, reward, done, _ = env.step(action)
        store(shape(state), action, float(reward), shape(following), done)
        state = env.reset() if done else following
        count += 1
        if count > warmup:
            learn()


def images(act: Callable[[Any], Any], store: Callable[..., object], learn: Callable[[], object], shape: Any) -> None:
    """A world of small images, for agents with convolutions."""
    rng = np.random.default_rng(0)
    state = rng.random(shape, dtype=np.float32)
    for count in range(10**9):
        action = act(state)
        following = rng.random(shape, dtype=np.float32)
        done = bool(rng.random() < 0.05)
        store(state, action, float(rng.random() < 0.05), following, done)
        state = following
        if count > 100:
            learn()


# ------------------------------------------------------------------------------------------------ driving


def drive(drivers: dict[str, Callable[[], None]], watching: type[Watch]) -> None:
    """Train until so many steps are learnt, and print what was seen: `DRIVER FOLDER STEPS watched|timed`."""
    driver, folder, steps, mode = sys.argv[1:5]
    sys.path[0] = folder
    sys.argv[1:] = []  # programs that read options find none
    random.seed(0)
    np.random.seed(0)
    stub("gym", make=make, spaces=gymnasium.spaces)
    watch = watching(int(steps), mode == "timed")
    with contextlib.suppress(Enough), contextlib.redirect_stdout(sys.stderr):
        drivers[driver]()
    print(json.dumps(watch.report()))
