"""Sound prioritised replay of our own, mutated into one defect each, and what `verify` says of it."""

from __future__ import annotations

import importlib
import json
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from per_audit.audit import audit_report
from per_audit.cli import main
from per_audit.findings import Severity
from per_audit.settings import Settings
from per_audit.verify.checks import discover

from .rewriting import Files, run

TRAIN = """import torch
from memory import Memory


def train(env, net, optimizer, steps):
    memory = Memory(1000)
    state = env.reset()
    for step in range(steps):
        next_state, reward, done, _ = env.step(net.act(state))
        memory.add(state, net.last, reward, next_state, done)
        state = env.reset() if done else next_state
        memory.beta = min(1.0, 0.4 + 0.6 * step / steps)
        batch, slots, weights = memory.sample(32)
        states, actions, rewards, next_states, dones = (torch.tensor(column) for column in zip(*batch))
        q = net(states).gather(1, actions[:, None]).squeeze(1)
        with torch.no_grad():
            goals = rewards + 0.99 * (1 - dones) * net(next_states).max(1).values
        errors = goals - q
        optimizer.zero_grad()
        (torch.tensor(weights) * errors**2).mean().backward()
        optimizer.step()
        memory.update_priorities(slots, errors.detach().numpy())
"""
TREE = """import numpy as np


class Memory:
    def __init__(self, capacity, alpha=0.6, beta=0.4):
        self.capacity, self.alpha, self.beta = capacity, alpha, beta
        self.rows, self.at, self.size, self.highest = [None] * capacity, 0, 0, 1.0
        self.leaves = 1
        while self.leaves < capacity:
            self.leaves *= 2
        self.sums = np.zeros(2 * self.leaves)

    def __len__(self):
        return self.size

    def add(self, state, action, reward, next_state, done):
        self.rows[self.at] = (state, action, reward, next_state, done)
        self.put(self.at, self.highest**self.alpha)
        self.at = (self.at + 1) % self.capacity
        self.size = min(self.size + 1, self.capacity)

    def put(self, slot, priority):
        node = slot + self.leaves
        self.sums[node] = priority
        while node > 1:
            node //= 2
            self.sums[node] = self.sums[2 * node] + self.sums[2 * node + 1]

    def total(self, first, stop):
        return self.sums[self.leaves + first : self.leaves + stop].sum()

    def find(self, mass):
        node = 1
        while node < self.leaves:
            node *= 2
            if mass >= self.sums[node] and self.sums[node + 1] > 0:
                mass -= self.sums[node]
                node += 1
        return node - self.leaves

    def sample(self, n):
        mass = self.total(0, self.size)
        width = mass / n
        slots = [self.find((k + np.random.random()) * width) for k in range(n)]
        p = np.array([self.sums[slot + self.leaves] for slot in slots]) / self.sums[1]
        weights = (self.size * p) ** -self.beta
        return [self.rows[slot] for slot in slots], slots, weights / weights.max()

    def update_priorities(self, slots, errors):
        for slot, error in zip(slots, errors):
            if not np.isfinite(error):
                raise ValueError(f"the error of slot {slot} is {error}")
            priority = abs(error) + 1e-6
            self.put(slot, priority**self.alpha)
            self.highest = max(self.highest, priority)
"""
RANKS = """import numpy as np


class Memory:
    def __init__(self, capacity, alpha=0.7, beta=0.5):
        self.capacity, self.alpha, self.beta = capacity, alpha, beta
        self.rows, self.at, self.size, self.highest = [None] * capacity, 0, 0, 1.0
        self.errors = np.zeros(capacity)

    def __len__(self):
        return self.size

    def add(self, state, action, reward, next_state, done):
        self.rows[self.at] = (state, action, reward, next_state, done)
        self.errors[self.at] = self.highest
        self.at = (self.at + 1) % self.capacity
        self.size = min(self.size + 1, self.capacity)

    def sample(self, n):
        ranks = np.argsort(np.argsort(-self.errors[: self.size])) + 1
        p = (1.0 / ranks) ** self.alpha
        p = p / p.sum()
        slots = np.random.choice(self.size, n, p=p)
        weights = (self.size * p[slots]) ** -self.beta
        return [self.rows[slot] for slot in slots], slots, weights / weights.max()

    def update_priorities(self, slots, errors):
        for slot, error in zip(slots, errors):
            self.errors[slot] = abs(error) + 1e-6
            self.highest = max(self.highest, self.errors[slot])
"""
_PLAY = """import torch


class Env:
    def reset(self):
        self.at = 0
        return [1.0, 0.0, 0.0]

    def step(self, action):
        self.at += 1
        state = [float(self.at == k) for k in range(3)]
        return state, float(self.at - action) - 2.0, float(self.at > 3), {}


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(3, 2)

    def forward(self, states):
        return self.layer(states)

    def act(self, state):
        self.last = int(torch.randint(2, ()))
        return self.last

    @property
    def trainable_variables(self):
        return list(self.parameters())


class Optimizer(torch.optim.SGD):
    def apply_gradients(self, pairs):
        for gradient, variable in pairs:
            variable.grad = gradient
        self.step()
"""
# As much of TensorFlow as the programs here use, for environments without it.
_TENSORFLOW = """import torch
from torch import abs, float32, square


def convert_to_tensor(values, dtype=None):
    return torch.tensor(values, dtype=dtype)


def one_hot(values, depth):
    return torch.nn.functional.one_hot(values, depth)


def expand_dims(values, axis):
    return values.unsqueeze(axis)


def reduce_mean(values):
    return values.mean()


def reduce_sum(values, axis, keepdims=False):
    return values.sum(axis, keepdims)


def reduce_max(values, axis, keepdims=False):
    return values.max(axis, keepdims).values


def stop_gradient(values):
    return values.detach()


class GradientTape:
    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def gradient(self, loss, variables):
        return torch.autograd.grad(loss, variables)
"""


def mutated(text: str, sound: str, broken: str) -> str:
    """The text with the one place that is sound put wrong."""
    assert text.count(sound) == 1, f"{sound!r} occurs {text.count(sound)} times"
    return text.replace(sound, broken)


def scanned(files: Files) -> Counter[str]:
    """How often each rule finds an error or a warning in the files."""
    with _written(files) as root:
        found = audit_report(root, [root], Settings(root)).findings
    return Counter(finding.rule for finding in found if finding.severity.rank >= Severity.WARNING.rank)


def repaired(files: Files, code: str) -> Files:
    """What the one plan for a defect makes of the files: a second scan finds what the first did, without the defect."""
    result, found = run(files, codes=(code,), unsafe=True)
    assert [(refusal.plan.mends, refusal.reason) for refusal in result.refused] == []
    assert [plan.mends for plan in result.applied] == [code]
    before = scanned(files)
    assert scanned(found) == before - Counter({code: before[code]})
    return found


def verdicts(capsys: pytest.CaptureFixture[str], files: Files, *checks: str) -> dict[str, str]:
    """The verdict of each check of `verify` on a project with one memory; of all of them where none is named."""
    chosen = [word for check in checks or discover() for word in ("--check", check)]
    with _written(files) as root:
        main(["verify", str(root), *chosen, "--efficiency", "off", "--format", "json", "--no-record"])
    found, _ = json.loads(capsys.readouterr().out)["targets"]  # the other one is the scan of the project
    return {each["check"]: each["verdict"] for each in found["checks"]}


def is_sound(found: dict[str, str]) -> bool:
    """Whether a memory fails no check, and passes those of what it has."""
    return {"PASS"} <= {*found.values()} <= {"PASS", "NOT PROVIDED"}


def trained(files: Files, steps: int = 40) -> list[Any]:
    """The parameters of a network that `train.train` has trained for a few steps, always on the same random numbers."""
    net, _ = _played(files, steps)
    return [each.detach().clone() for each in net.parameters()]


def remembered(files: Files, steps: int = 40) -> Any:
    """The memory that `train.train`, which gives it back, has filled and learnt from in the same way."""
    return _played(files, steps)[1]


def _played(files: Files, steps: int) -> tuple[Any, Any]:
    import torch

    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)
    with imported(files) as (play, train):
        net = play.Net()
        return net, train.train(play.Env(), net, play.Optimizer(net.parameters(), lr=0.05), steps)


def betas(files: Files) -> list[float]:
    """Beta at each draw of a training."""
    found = []
    with imported(files) as (play, train):
        memory = sys.modules["memory"].Memory
        drawn = memory.sample

        def sample(self: Any, n: int) -> Any:
            rows = drawn(self, 4)
            found.append(self.beta)
            return rows

        memory.sample = sample
        train.train(play.Env(), None, None, 0)
    return found


def same(ones: list[Any], others: list[Any]) -> bool:
    """Whether two networks have learnt the same."""
    return all(bool((one - other).abs().max() < 1e-5) for one, other in zip(ones, others, strict=True))


@contextmanager
def imported(files: Files) -> Iterator[tuple[ModuleType, ModuleType]]:
    """What there is to play with, and the module `train`, while nothing else has the names of their modules."""
    beside = {"play.py": _PLAY, "tensorflow.py": _TENSORFLOW}
    names = [path.removesuffix(".py") for path in files | beside]
    with _written(files | beside) as root, pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(root))
        for name in names:
            patch.setitem(sys.modules, name, ModuleType(name))
            del sys.modules[name]
        yield importlib.import_module("play"), importlib.import_module("train")


@contextmanager
def _written(files: Files) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        root = Path(name).resolve()
        for path, text in files.items():
            (root / path).write_text(text)
        yield root
