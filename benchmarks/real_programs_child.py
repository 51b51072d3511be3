"""Drives the training code of one repository in a process of its own and watches it from outside.

`real_programs.py` starts it: `python real_programs_child.py DRIVER FOLDER plain|watched|entry`. It reads one JSON
request a line and answers each with one line. Nothing of the repository is changed: functions of the vendored package
and of torch are wrapped before the repository's modules are imported, and what passes through is compared with numpy's
answer.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import inspect
import json
import math
import os
import random
import runpy
import sys
import time
import types
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gymnasium
import numpy as np
import torch
import torch.nn.functional as functional

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

PACKAGE = "experience_replay_optimizer"
SETTLING = 10  # the first updates, in which most priorities are still the same
ROUNDING = 1e-5  # relative; the losses and the weights are float32


# ------------------------------------------------------------------------------------------------ drivers


@dataclass
class Run:
    """How to drive a repository's code."""

    modules: list[types.ModuleType]
    batch: int
    updates: int  # gradient steps of the critic in one `step`
    step: Callable[[], object]
    sample: Callable[[], Any]
    calls: dict[str, Callable[[], object]]  # functions whose results must keep their form
    critic: torch.nn.Module


class World:
    """An environment that begins anew whenever an episode ends."""

    def __init__(self, name: str) -> None:
        self.env = gymnasium.make(name, disable_env_checker=True)
        self.state = self.env.reset(seed=0)[0]

    def advance(self, action: Any) -> tuple[Any, float, Any, bool]:
        """(state, reward, next state, terminated)."""
        state = self.state
        following, reward, terminated, truncated, _ = self.env.step(action)
        self.state = self.env.reset()[0] if terminated or truncated else following
        return state, float(reward), following, terminated


def minimal_dqn() -> Run:
    code = importlib.import_module("dqn")
    world = World("CartPole-v1")
    q, q_target, memory = code.Qnet(), code.Qnet(), code.ReplayBuffer()
    optimizer = torch.optim.Adam(q.parameters(), lr=code.learning_rate)

    def act() -> Any:
        return q.sample_action(torch.from_numpy(world.state).float(), 0.08)

    def collect(count: int) -> None:
        for _ in range(count):
            action = act()
            state, reward, following, done = world.advance(action)
            memory.put((state, action, reward / 100.0, following, 0.0 if done else 1.0))

    def step() -> None:
        collect(20)  # as long as an early episode
        code.train(q, q_target, memory, optimizer)
        if random.random() < 0.05:
            q_target.load_state_dict(q.state_dict())

    collect(2001)
    calls = {"sample_action": act, "size": memory.size}
    return Run([code], code.batch_size, 10, step, lambda: memory.sample(code.batch_size), calls, q)


def minimal_ddpg() -> Run:
    code = importlib.import_module("ddpg")
    world = World("Pendulum-v1")
    memory = code.ReplayBuffer()
    q, q_target, mu, mu_target = code.QNet(), code.QNet(), code.MuNet(), code.MuNet()
    mu_optimizer = torch.optim.Adam(mu.parameters(), lr=code.lr_mu)
    q_optimizer = torch.optim.Adam(q.parameters(), lr=code.lr_q)
    noise = code.OrnsteinUhlenbeckNoise(mu=np.zeros(1))

    def act() -> Any:
        return mu(torch.from_numpy(world.state).float())

    def collect(count: int) -> None:
        for _ in range(count):
            action = act().item() + noise()[0]
            state, reward, following, done = world.advance([action])
            memory.put((state, action, reward / 100.0, following, done))

    def step() -> None:
        collect(200)  # an episode
        for _ in range(10):
            code.train(mu, mu_target, q, q_target, memory, q_optimizer, mu_optimizer)
            code.soft_update(mu, mu_target)
            code.soft_update(q, q_target)

    collect(2001)
    calls = {"MuNet": act, "noise": noise, "size": memory.size}
    return Run([code], code.batch_size, 10, step, lambda: memory.sample(code.batch_size), calls, q)


def udacity_dqn() -> Run:
    code = importlib.import_module("dqn_agent")
    world = World("CartPole-v1")
    agent = code.Agent(state_size=4, action_size=2, seed=0)

    def act() -> Any:
        return agent.act(world.state, 0.1)

    def collect(count: int) -> None:
        for _ in range(count):
            action = act()
            state, reward, following, done = world.advance(int(action))
            agent.step(state, action, reward, following, done)

    # It learns as soon as it has more than a batch: the number of transitions is left at a multiple of the interval.
    collect(code.BATCH_SIZE)
    calls = {"act": act, "len": lambda: len(agent.memory), "greedy act": lambda: agent.act(world.state)}
    return Run(
        [code, importlib.import_module("model")],
        code.BATCH_SIZE,
        1,
        lambda: collect(code.UPDATE_EVERY),
        agent.memory.sample,
        calls,
        agent.qnetwork_local,
    )


def td3(module: str, name: str) -> Run:
    code, utils = importlib.import_module(module), importlib.import_module("utils")
    world = World("Pendulum-v1")
    policy, memory = getattr(code, name)(state_dim=3, action_dim=1, max_action=2.0), utils.ReplayBuffer(3, 1)
    batch = inspect.signature(policy.train).parameters["batch_size"].default

    def act() -> Any:
        return policy.select_action(world.state)

    def collect(count: int) -> None:
        for _ in range(count):
            action = (act() + np.random.normal(0, 0.2, size=1)).clip(-2.0, 2.0)
            state, reward, following, done = world.advance(action)
            memory.add(state, action, following, reward, float(done))

    def step() -> None:
        collect(1)
        policy.train(memory, batch)

    collect(2 * batch)
    calls = {"select_action": act, "size": lambda: memory.size, "ptr": lambda: memory.ptr}
    return Run([code, utils], batch, 1, step, lambda: memory.sample(batch), calls, policy.critic)


DRIVERS: dict[str, Callable[[], Run]] = {
    "minimalRL/dqn": minimal_dqn,
    "minimalRL/ddpg": minimal_ddpg,
    "udacity/dqn": udacity_dqn,
    "TD3/TD3": lambda: td3("TD3", "TD3"),
    "TD3/DDPG": lambda: td3("DDPG", "DDPG"),
    "TD3/OurDDPG": lambda: td3("OurDDPG", "DDPG"),
}


# ------------------------------------------------------------------------------------------------ the old gym


class FourTuple(gymnasium.Wrapper):
    """The interface of gym before 0.26."""

    _max_episode_steps = 200

    def seed(self, seed: int) -> None:
        self.env.reset(seed=seed)

    def reset(self, **options: Any) -> Any:
        return self.env.reset(**options)[0]

    def step(self, action: Any) -> Any:
        state, reward, terminated, truncated, info = self.env.step(action)
        return state, reward, terminated or truncated, info


def install_gym(old: bool) -> None:
    """Make `import gym` find gymnasium, with the old interface where the code uses that."""

    def make(name: str, **options: Any) -> Any:
        options.pop("autoreset", None)  # gone, and without effect on code that resets by itself
        env = gymnasium.make(name, disable_env_checker=True, **options)
        return FourTuple(env) if old else env

    sys.modules["gym"] = types.ModuleType("gym")
    sys.modules["gym"].make = make  # type: ignore[attr-defined]


# ------------------------------------------------------------------------------------------------ watching


class Enough(BaseException):
    """Ends a program that would train for hours."""


def smooth_l1(error: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(np.abs(error) < 1.0, 0.5 * error**2, np.abs(error) - 0.5)


LOSSES: dict[str, Callable[[NDArray[np.float64]], NDArray[np.float64]]] = {
    "mse_loss": np.square,
    "smooth_l1_loss": smooth_l1,
}


def numbers(value: Any) -> NDArray[np.float64]:
    return np.asarray(value.detach().cpu().numpy() if hasattr(value, "detach") else value, np.float64)


def gap(seen: NDArray[np.float64], expected: NDArray[np.float64]) -> float:
    """The largest difference, relative to the largest value; inf for another shape or a NaN."""
    if np.shape(seen) != np.shape(expected):
        return math.inf
    difference = float(np.max(np.abs(seen - expected)) / max(float(np.max(np.abs(expected))), 1e-30))
    return difference if math.isfinite(difference) else math.inf


def buffers() -> list[Any]:
    """The class of buffers, where the code has been given one."""
    if importlib.util.find_spec(f"{PACKAGE}.replay_buffer") is None:
        return []
    return [importlib.import_module(f"{PACKAGE}.replay_buffer").ReplayBuffer]


class Watch:
    """Follows every draw through the loss and back to the priorities, with a model of the priorities of its own."""

    def __init__(self, stop: int = 0) -> None:
        self.package = importlib.import_module(PACKAGE)
        self.stop = stop
        self.samplers: list[Any] = []
        self.leaves: dict[int, NDArray[np.float64]] = {}  # p^alpha of each slot, as this model has it
        self.maximum: dict[int, float] = {}
        self.slots: NDArray[np.int64] = np.empty(0, np.int64)
        self.weights: NDArray[np.float64] = np.empty(0)
        self.compared: list[tuple[str, NDArray[np.float64], NDArray[np.float64]]] = []
        self.before: NDArray[np.float64] | None = None
        self.updating = False
        self.draws = self.losses = self.updates = self.gradients = self.flat = self.unlike = self.alien = 0
        self.spread: list[float] = []
        self.values: list[float] = []
        self.shapes: set[tuple[int, ...]] = set()
        self.worst = dict.fromkeys(("weights", "elements", "value", "gradient", "errors"), 0.0)
        # Vendored without what the code does not import, so not always among the names of the package.
        sampler = importlib.import_module(f"{PACKAGE}.samplers.prioritized").PrioritizedSampler
        watched: tuple[tuple[Any, str, Callable[..., Any]], ...] = (
            (sampler, "add_one", self.on_add),
            (sampler, "add_many", self.on_add),
            (sampler, "sample", self.on_sample),
            (sampler, "update", self.on_update),
            *((buffer, "update_priorities", self.on_update) for buffer in buffers()),
            (self.package, "importance_weighted_loss", self.on_loss),
            *((functional, name, functools.partial(self.on_compare, name)) for name in LOSSES),
        )
        for owner, name, watcher in watched:
            self.wrap(owner, name, watcher)

    @staticmethod
    def wrap(owner: Any, name: str, watcher: Callable[..., Any]) -> None:
        call = getattr(owner, name)

        @functools.wraps(call)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            return watcher(call, *args, **kwargs)

        setattr(owner, name, wrapped)

    def note(self, what: str, difference: float) -> None:
        self.worst[what] = max(self.worst[what], difference)

    def on_add(self, call: Callable[..., Any], sampler: Any, slot: Any, *args: Any, **kwargs: Any) -> None:
        call(sampler, slot, *args, **kwargs)
        if id(sampler) not in self.leaves:
            self.samplers.append(sampler)
            self.leaves[id(sampler)] = np.zeros(sampler.capacity)
            self.maximum[id(sampler)] = 1.0
        self.leaves[id(sampler)][slot] = self.maximum[id(sampler)] ** sampler.alpha

    def shares(self, sampler: Any, slots: NDArray[np.int64], batch: int) -> NDArray[np.float64]:
        """The expected share of each slot in a batch: by priority, and by the share that rare events have."""
        leaves = self.leaves[id(sampler)][: len(sampler)]
        rare = sampler.protected
        reserved = min(int(sampler.rare_fraction * batch + 1e-9), 2 * len(rare), batch - 1) / batch
        expected: NDArray[np.float64] = (1 - reserved) * leaves[slots] / leaves.sum()
        return expected + reserved * np.isin(slots, rare) / max(len(rare), 1)

    def on_sample(self, call: Callable[..., Any], sampler: Any, batch_size: int, *args: Any, **kwargs: Any) -> Any:
        beta = sampler.beta
        slots, weights = call(sampler, batch_size, *args, **kwargs)
        expected = self.shares(sampler, slots, batch_size) ** -beta
        self.slots, self.weights, self.compared = slots.copy(), numbers(weights), []
        self.note("weights", gap(self.weights / self.weights.max(), expected / expected.max()))
        self.draws += 1
        if self.updates >= SETTLING:
            self.spread.append(float(self.weights.max() / self.weights.min()))
            # Before they are drawn for the first time, all transitions have one priority: such a batch is rightly flat.
            self.flat += self.spread[-1] <= 1.0 < expected.max() / expected.min() - ROUNDING
        return slots, weights

    def on_compare(self, name: str, call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        pair = [*args, *(kwargs[key] for key in ("input", "target") if key in kwargs)][:2]
        self.compared.append((name, numbers(pair[0]), numbers(pair[1])))
        return call(*args, **kwargs)

    def on_loss(self, call: Callable[..., Any], elementwise: Any, weights: Any, *args: Any) -> Any:
        result = call(elementwise, weights, *args)
        given, batch = numbers(weights).reshape(-1), len(self.slots)
        self.losses += 1
        self.shapes.add(tuple(elementwise.shape))
        self.unlike += not np.array_equal(given, self.weights) or tuple(elementwise.shape) not in ((batch,), (batch, 1))
        elements = sum(LOSSES[name](prediction - target) for name, prediction, target in self.compared)
        self.note("elements", gap(numbers(elementwise), np.asarray(elements)))
        value = np.mean(numbers(elementwise).reshape(-1) * given)
        self.note("value", gap(numbers(result), np.asarray(value)))
        self.values.append(float(result))

        def on_gradient(gradient: Any) -> None:
            self.gradients += 1
            self.note("gradient", gap(numbers(gradient).reshape(-1), given / batch))

        elementwise.register_hook(on_gradient)
        return result

    def on_update(self, call: Callable[..., Any], owner: Any, indices: Any, td_errors: Any) -> None:
        """Of a sampler, or of a buffer around one, which may leave it to its sampler."""
        if self.updating:
            call(owner, indices, td_errors)
            return
        sampler = getattr(owner, "sampler", owner)
        if self.before is None:
            self.before = sampler.probabilities(np.arange(len(sampler)), len(self.slots)) * len(sampler)
        self.updating = True
        call(owner, indices, td_errors)
        self.updating = False
        errors = np.abs(numbers(td_errors)).reshape(-1)
        expected = [np.abs(prediction - target).reshape(-1) for _, prediction, target in self.compared]
        self.note("errors", gap(errors, np.max(expected, axis=0)))
        self.alien += not np.array_equal(np.asarray(indices).reshape(-1) % sampler.capacity, self.slots)
        for slot, error in zip(self.slots.tolist(), errors.tolist(), strict=True):
            self.leaves[id(sampler)][slot] = (error + sampler.epsilon) ** sampler.alpha
        self.maximum[id(sampler)] = max(self.maximum[id(sampler)], float(errors.max()) + sampler.epsilon)
        self.updates += 1
        if self.updates == self.stop:
            raise Enough

    def report(self, updates: int) -> list[tuple[str, bool, str]]:
        """(check, passed, what was seen)."""
        if len(self.samplers) != 1 or self.before is None:
            return [("3 priorities", False, f"{len(self.samplers)} samplers, {self.updates} updates of priorities")]
        sampler, batch = self.samplers[0], len(self.slots)
        stored = np.arange(len(sampler))
        after = sampler.probabilities(stored, batch)
        model = gap(after, self.shares(sampler, stored, batch))
        scaled = (after * len(stored))[: len(self.before)]
        moved = float(np.mean(np.abs(scaled - self.before) > 0.01))
        low, middle, high = np.quantile(after * len(stored), (0.05, 0.5, 0.95))
        worst = self.worst
        counts = f"{self.draws} draws, {self.losses} losses, {self.gradients} backward, {self.updates} updates"
        spread = float(np.median(self.spread)) if self.spread else 1.0
        uneven = sum(one > 1.0 for one in self.spread)
        value = self.values
        first, last = (float(np.mean(part)) if part else math.nan for part in (value[:50], value[-50:]))
        finite = sum(map(math.isfinite, value))
        shapes = " ".join(map(str, sorted(self.shapes)))
        return [
            (
                "1a weights vary",
                not self.flat and 2 * uneven > len(self.spread),
                f"in {uneven} of {len(self.spread)} batches (the others have one priority throughout); largest/smallest"
                f" {spread:.2f} (median)",
            ),
            ("1b weights correct", worst["weights"] < ROUNDING, f"(N q)^-beta within {worst['weights']:.1e}"),
            ("2a loss by element", not self.unlike, f"shapes {shapes} with the {batch} weights of the draw"),
            ("2b elements", worst["elements"] < ROUNDING, f"loss(prediction, target) within {worst['elements']:.1e}"),
            ("2c weighted mean", worst["value"] < ROUNDING, f"mean(weights * loss) within {worst['value']:.1e}"),
            (
                "2d gradients",
                self.gradients == self.losses and worst["gradient"] < ROUNDING,
                f"{self.gradients} of {self.losses} went back, weights/{batch} within {worst['gradient']:.1e}",
            ),
            (
                "3a TD errors",
                not self.alien and worst["errors"] < ROUNDING,
                f"max |prediction - target| within {worst['errors']:.1e}; {self.alien} updates of other slots",
            ),
            (
                "3b priorities move",
                moved > 0.5 and high / low > 1.5,
                f"{moved:.0%} of {len(self.before)} slots; N P was {self.before.min():.2f}..{self.before.max():.2f},"
                f" is {low:.2f} / {middle:.2f} / {high:.2f} (5%, 50%, 95%)",
            ),
            ("3c priorities follow", model < ROUNDING, f"(|TD error| + epsilon)^alpha within {model:.1e}"),
            (
                "4a finite",
                finite == len(value) > 0,
                f"{finite} of {len(value)} losses; {first:.4g} at first, {last:.4g} at last",
            ),
            (
                "4b every draw used",
                self.draws == self.losses == self.updates == updates,
                f"{counts}; {updates} training steps; no broadcasting warning (it would have been an error)",
            ),
        ]


# ------------------------------------------------------------------------------------------------ forms


def form(value: Any) -> Any:
    """Type, dtype and shape of a result, through tuples and lists."""
    if isinstance(value, (tuple, list)):
        return [type(value).__name__, *map(form, value)]
    if hasattr(value, "dtype"):
        return f"{type(value).__name__} {value.dtype} {list(value.shape)}"
    return type(value).__name__


def signatures(module: types.ModuleType) -> dict[str, str]:
    """The parameters of the functions and methods that a module defines."""
    found = {}
    for name, value in vars(module).items():
        if getattr(value, "__module__", None) != module.__name__:
            continue
        if inspect.isfunction(value):
            found[f"{module.__name__}.{name}"] = str(inspect.signature(value))
        elif inspect.isclass(value):
            for method, call in vars(value).items():
                if inspect.isfunction(call):
                    found[f"{module.__name__}.{name}.{method}"] = str(inspect.signature(call))
    return found


# ------------------------------------------------------------------------------------------------ requests


def drive(run: Run, updates: int) -> float:
    """Train for so many updates. Returns the seconds that the processor was at it."""
    start = time.process_time()
    for _ in range(math.ceil(updates / run.updates)):
        run.step()
    return time.process_time() - start


def answer(run: Run, watch: Watch | None, request: dict[str, Any]) -> Any:
    if request["do"] == "run":
        return drive(run, request["updates"])
    if request["do"] == "forms":
        names = {name: text for module in run.modules for name, text in signatures(module).items()}
        calls = {name: form(call()) for name, call in run.calls.items()}
        return {"sample": form(run.sample()), "calls": calls, "signatures": names}
    assert watch is not None
    weights = [parameter.detach().clone() for parameter in run.critic.parameters()]
    done = watch.updates
    drive(run, request["updates"])
    expected = done + math.ceil(request["updates"] / run.updates) * run.updates
    changed = sum(
        not torch.equal(*pair) and bool(torch.isfinite(pair[0]).all())
        for pair in zip(run.critic.parameters(), weights, strict=True)
    )
    stored, known = (run.calls.get("size") or run.calls["len"])(), sum(map(len, watch.samplers))
    return [
        ("0d vendored package", *vendored(watch)),
        *watch.report(expected),
        ("3d every transition", stored == known, f"{stored} stored, {known} with a priority"),
        (
            "4c critic learns",
            changed == len(weights),
            f"{changed} of {len(weights)} parameter tensors changed, all finite",
        ),
    ]


def vendored(watch: Watch) -> tuple[bool, str]:
    file, folder = Path(str(watch.package.__file__)).resolve(), Path(sys.path[0]).resolve()
    inside = file.is_relative_to(folder)
    return inside, f"imported from {file.relative_to(folder) if inside else file}"


def entry(script: str, arguments: list[str], stop: int) -> list[tuple[str, bool, str]]:
    """Run the repository's own program until it has made so many updates."""
    watch = Watch(stop)
    sys.argv = [script, *arguments]
    with contextlib.suppress(Enough):
        runpy.run_path(str(Path(sys.path[0], script)), run_name="__main__")
    failed = [f"{name}: {seen}" for name, passed, seen in watch.report(stop) if not passed and name[:2] != "3b"]
    seen = "; ".join(failed) or f"{stop} updates in its own loop; checks 1, 2, 3a, 3c and 4 hold"
    return [("5d program runs", not failed, f"{' '.join(sys.argv)}: {seen}")]


def main() -> None:
    driver, folder, mode = sys.argv[1:4]
    sys.path[0] = folder
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what the repository prints is not an answer
    torch.set_num_threads(1)
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)
    install_gym(old=driver.startswith("TD3/"))
    warnings.filterwarnings("error", message="Using a target size")
    watch = Watch() if mode == "watched" else None
    run = DRIVERS[driver]() if mode != "entry" else None
    for line in sys.stdin:
        request = json.loads(line)
        reply = answer(run, watch, request) if run else entry(request["script"], request["arguments"], request["stop"])
        channel.write(json.dumps(reply, default=bool) + "\n")  # numpy's bool is none of json's types
        channel.flush()


if __name__ == "__main__":
    main()
