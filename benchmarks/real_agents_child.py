"""Drives the agent of one repository in a process of its own and watches it from outside.

`real_agents.py` starts it: `python real_agents_child.py DRIVER FOLDER STEPS MODE`, MODE being "watched" or "timed". The
last line of its output is JSON. Watching takes time of its own, so what is timed is not watched.
Nothing of the repository is changed: functions of the vendored package and of torch are wrapped before the repository's
modules are imported.
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
import warnings
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gymnasium
import numpy as np
import torch

if TYPE_CHECKING:
    from collections.abc import Callable

PACKAGE = "experience_replay_optimizer"


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
        self.started = self.ended = 0.0
        self.draws = self.losses = self.updates = self.varying = self.alien = self.infinite = 0
        self.values: list[float] = []
        self.slots, self.weights = np.empty(0), np.empty(0)
        self.updating = False
        self.samplers: dict[int, Any] = {}
        for optimizer in (torch.optim.Adam, torch.optim.RMSprop):
            self.wrap(optimizer, "step", self.on_step)
        if importlib.util.find_spec(PACKAGE) is not None and not is_timed:
            package = importlib.import_module(PACKAGE)
            sampler = importlib.import_module(f"{PACKAGE}.samplers.prioritized").PrioritizedSampler
            self.wrap(sampler, "sample", self.on_sample)
            self.wrap(sampler, "update", self.on_update)
            self.wrap(package, "importance_weighted_loss", self.on_loss)
            if importlib.util.find_spec(f"{PACKAGE}.replay_buffer") is not None:
                buffer = importlib.import_module(f"{PACKAGE}.replay_buffer").ReplayBuffer
                self.wrap(buffer, "update_priorities", self.on_update)

    @staticmethod
    def wrap(owner: Any, name: str, watcher: Callable[..., Any]) -> None:
        call = getattr(owner, name)
        setattr(owner, name, lambda *args, **kwargs: watcher(call, *args, **kwargs))

    def on_step(self, call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        self.taken += 1
        if self.taken == self.steps // 2:  # what is compiled is compiled by then
            self.started = time.process_time()
        if self.taken > self.steps:
            self.ended = time.process_time()
            raise Enough
        return call(*args, **kwargs)

    def on_sample(self, call: Callable[..., Any], sampler: Any, *args: Any, **kwargs: Any) -> Any:
        slots, weights = call(sampler, *args, **kwargs)
        self.samplers[id(sampler)] = sampler
        self.slots, self.weights = np.array(slots), np.array(weights)
        self.draws += 1
        self.varying += bool(self.weights.max() / self.weights.min() > 1.001)
        return slots, weights

    def on_loss(self, call: Callable[..., Any], elementwise: Any, weights: Any) -> Any:
        result = call(elementwise, weights)
        if weights is not None:
            given = np.asarray(weights).reshape(-1)
            self.losses += 1
            self.alien += not (np.allclose(given, self.weights) and len(elementwise) == len(self.slots))
            self.values.append(float(result))
            self.infinite += not math.isfinite(self.values[-1])
        return result

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
        milliseconds = 1000 * (self.ended - self.started) / (self.steps - self.steps // 2 + 1)
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


# ------------------------------------------------------------------------------------------------ drivers


def spinningup(algorithm: str) -> None:
    for name in ("spinup", "spinup.utils"):
        stub(name, __path__=[str(Path(sys.path[0], *name.split(".")))])
    stub("spinup.utils.logx", EpochLogger=Quiet)
    code = importlib.import_module(f"spinup.algos.pytorch.{algorithm}.{algorithm}")
    getattr(code, algorithm)(
        lambda: make("Pendulum-v1"),
        ac_kwargs={"hidden_sizes": (64, 64)},
        start_steps=300,
        update_after=300,
        steps_per_epoch=100_000,
        epochs=1,
        replay_size=20_000,
    )


def pytorch_sac() -> None:
    stub("hydra", utils=Namespace(instantiate=lambda made: made()))
    stub("dmc2gym", make=None)
    stub("gym", make=make, spaces=gymnasium.spaces, Wrapper=gymnasium.Wrapper)
    code = importlib.import_module("agent.sac")
    critic, actor = importlib.import_module("agent.critic"), importlib.import_module("agent.actor")
    memory = importlib.import_module("replay_buffer").ReplayBuffer((3,), (1,), 20_000, torch.device("cpu"))
    agent = code.SACAgent(
        3, 1, (-2.0, 2.0), "cpu",
        lambda: critic.DoubleQCritic(3, 1, 64, 2),
        lambda: actor.DiagGaussianActor(3, 1, 64, 2, (-5.0, 2.0)),
        0.99, 0.1, 1e-4, (0.9, 0.999), 1e-4, (0.9, 0.999), 1, 1e-4, (0.9, 0.999), 0.005, 2, 64, True,
    )  # fmt: skip
    follow(
        "Pendulum-v1",
        lambda state: agent.act(state, sample=True),
        lambda s, a, r, n, d: memory.add(s, a, r, n, d, False),
        lambda: agent.update(memory, Quiet(), agent.batch_size * 2),
    )


def snake() -> None:
    stub("game", SnakeGameAI=Quiet, Direction=Namespace(), Point=Quiet)
    stub("helper", plot=Quiet)
    agent = importlib.import_module("agent").Agent()
    rng = np.random.default_rng(0)
    state = rng.integers(0, 2, 11)
    while True:
        for _ in range(40):
            action, following = [0, 0, 0], rng.integers(0, 2, 11)
            action[int(rng.integers(3))] = 1
            done = bool(rng.random() < 0.05)
            reward = -10 if done else 10 if action[0] and state[0] and state[1] else 0
            agent.train_short_memory(state, action, reward, following, done)
            agent.remember(state, action, reward, following, done)
            state = following
        agent.train_long_memory()


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


def paper_dqn() -> None:
    code = importlib.import_module("dqn_agent")
    agent = code.DQNAgent(
        0.99, 0.5, 1e-4, input_dims=(1, 44, 44), n_actions=2, mem_size=2000, batch_size=32, algo="a", env_name="e"
    )
    images(agent.choose_action, agent.store_transition, agent.learn, (1, 44, 44))


def wukong() -> None:
    stub("log", log=print)
    options = {"replay_size": 2000, "batch_size": 16}
    agent = importlib.import_module("models.dqn").DQN((16, 16), 3, 2, options, ".")
    context = np.zeros(2, np.float32)
    images(
        lambda state: agent.choose_action((state, context))[0],
        lambda s, a, r, n, d: agent.store_data((s, context), a, r, (n, context), d),
        agent.train_network,
        (1, 3, 16, 16),
    )


def youtube_dqn() -> None:
    code = importlib.import_module("simple_dqn_torch_2020")
    agent = code.Agent(0.99, 1.0, 1e-3, [4], 64, 2, max_mem_size=20_000)
    follow("CartPole-v1", agent.choose_action, agent.store_transition, agent.learn, shape=np.float32)


def youtube_td3() -> None:
    env = make("Pendulum-v1")
    agent = importlib.import_module("td3_torch").Agent(
        1e-3, 1e-3, [3], 0.005, env, n_actions=1, max_size=20_000, layer1_size=64, layer2_size=64, batch_size=64
    )
    follow("Pendulum-v1", agent.choose_action, agent.remember, agent.learn)


def soft_actor_critic() -> None:
    code, memories = importlib.import_module("sac"), importlib.import_module("replay_memory")
    options = Namespace(
        gamma=0.99, tau=0.005, alpha=0.2, policy="Gaussian", target_update_interval=1, cuda=False,
        automatic_entropy_tuning=True, hidden_size=64, lr=3e-4,
    )  # fmt: skip
    agent = code.SAC(3, make("Pendulum-v1").action_space, options)
    memory = memories.ReplayMemory(20_000, 0)
    follow("Pendulum-v1", agent.select_action, memory.push, lambda: agent.update_parameters(memory, 64, 1))


def bcq_ddpg() -> None:
    device = torch.device("cpu")
    agent = importlib.import_module("DDPG").DDPG(3, 1, 2.0, device)
    memory = importlib.import_module("utils").ReplayBuffer(3, 1, device, 20_000)
    follow(
        "Pendulum-v1",
        agent.select_action,
        lambda s, a, r, n, d: memory.add(s, a, n, r, float(d)),
        lambda: agent.train(memory, 64),
    )


def namuori(kind: str) -> None:
    for name in ("cv2", "imageio", "matplotlib", "matplotlib.pyplot"):
        stub(name)
    for name in ("src", "src.agents", "src.core"):
        stub(name, __path__=[str(Path(sys.path[0], *name.split(".")))])
    for name in ("buffer", "noise", "utils"):
        vars(sys.modules["src.core"]).update(vars(importlib.import_module(f"src.core.{name}")))
    code = importlib.import_module(f"src.agents.{kind}_agent")
    if kind == "dqn":
        agent = code.DQNAgent(4, 2, buffer_size=20_000)
        select, world = lambda state: int(agent.select_action(state)), "CartPole-v1"
    else:
        agent = code.DDPGAgent(3, 1, buffer_size=20_000)
        select, world = lambda state: np.asarray(agent.select_action(state)).reshape(1), "Pendulum-v1"
    follow(world, select, agent.store_transition, agent.update)


DRIVERS: dict[str, Callable[[], None]] = {
    "spinningup/ddpg": lambda: spinningup("ddpg"),
    "spinningup/td3": lambda: spinningup("td3"),
    "spinningup/sac": lambda: spinningup("sac"),
    "pytorch_sac": pytorch_sac,
    "snake": snake,
    "paper/dqn": paper_dqn,
    "wukong/dqn": wukong,
    "youtube/dqn": youtube_dqn,
    "youtube/td3": youtube_td3,
    "soft-actor-critic": soft_actor_critic,
    "bcq/ddpg": bcq_ddpg,
    "dqn-ddpg/dqn": lambda: namuori("dqn"),
    "dqn-ddpg/ddpg": lambda: namuori("ddpg"),
}


def main() -> None:
    """Train until the optimisers have taken so many steps, and print what was seen."""
    driver, folder, steps, mode = sys.argv[1:5]
    sys.path[0] = folder
    torch.set_num_threads(1)
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)
    warnings.filterwarnings("error", message="Using a target size")
    stub("gym", make=make, spaces=gymnasium.spaces)
    watch = Watch(int(steps), mode == "timed")
    with contextlib.suppress(Enough), contextlib.redirect_stdout(sys.stderr):
        DRIVERS[driver]()
    print(json.dumps(watch.report()))


if __name__ == "__main__":
    main()
