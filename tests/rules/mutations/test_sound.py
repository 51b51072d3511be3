"""The sound implementations do what they are to do: draws follow the priorities, weights are (N P)^-beta / max."""

import importlib
import random
from pathlib import Path

import numpy as np
import pytest

SOUND = Path(__file__).parent / "sound"
CAPACITY, BETA, ALPHA = 32, 0.5, 0.6
ERRORS = np.linspace(0.1, 3.0, CAPACITY)
ROW = (np.zeros(4, np.float32), 1, 0.5, np.ones(4, np.float32), False)


@pytest.fixture
def load(monkeypatch, tmp_path):
    """Imports a module of a project from a copy of it."""

    def load(project, module):
        for path in (SOUND / project).glob("*.py"):
            (tmp_path / path.name).write_bytes(path.read_bytes())
            monkeypatch.delitem(importlib.sys.modules, path.stem, raising=False)
        monkeypatch.syspath_prepend(tmp_path)
        np.random.seed(0)
        random.seed(0)
        return importlib.import_module(module)

    return load


def proportional_torch(load):
    memory = load("proportional_torch", "memory").PrioritizedMemory(CAPACITY, 4)
    for _ in range(CAPACITY):
        memory.add(*ROW)
    memory.update_priorities(np.arange(CAPACITY), ERRORS)
    return lambda n: memory.sample(n, BETA)[:0:-1]


def numpy_linear(load):
    module = load("numpy_linear", "linear_q")
    for count in range(CAPACITY):
        module.observe(count, *ROW)
    module.PRIORITY[:CAPACITY] = ERRORS**ALPHA
    return lambda n: module.draw(CAPACITY, n, BETA)


def proportional_keras(load):
    agent = load("proportional_keras", "agent").Agent(None, None, CAPACITY, 4)
    for _ in range(CAPACITY):
        agent.remember(*ROW)
    agent.priorities[:] = ERRORS
    return lambda n: agent.sample(n, BETA)


def functional_jax(load):
    replay = load("functional_jax", "replay").Replay(CAPACITY)
    for _ in range(CAPACITY):
        replay.put(*ROW)
    replay.reprioritise(np.arange(CAPACITY), ERRORS)
    return lambda n: replay.take(n, BETA)[:0:-1]


def segment_numpy(load):
    replay = load("segment_numpy", "agent").Replay(CAPACITY)
    for _ in range(CAPACITY):
        replay.store(*ROW)
    replay.update(np.arange(CAPACITY), ERRORS)
    return lambda n: [np.array(part) for part in replay.sample(n, BETA)[1:]]


@pytest.mark.parametrize("make", [segment_numpy, proportional_torch, numpy_linear, proportional_keras, functional_jax])
def test_draws_and_weights(make, load):
    expected = ERRORS**ALPHA / (ERRORS**ALPHA).sum()
    slots, weights = make(load)(20_000)
    np.testing.assert_allclose(np.bincount(slots, minlength=CAPACITY) / 20_000, expected, atol=0.006)
    exact = (CAPACITY * expected[slots]) ** -BETA
    np.testing.assert_allclose(weights, exact / exact.max(), rtol=1e-4)


def test_training_runs(load):
    torch = pytest.importorskip("torch")

    class Env:
        def reset(self):
            return np.zeros(4, np.float32), {}

        def step(self, action):
            return np.random.rand(4).astype(np.float32), float(action), np.random.rand() < 0.1, False, {}

    torch.manual_seed(0)
    train = load("proportional_torch", "train").train
    net, target = torch.nn.Linear(4, 2), torch.nn.Linear(4, 2)
    memory = train(Env(), net, target, torch.optim.SGD(net.parameters(), 1e-2), 80, capacity=64)
    priorities = memory.tree.nodes[64:]
    assert memory.size == 64
    assert len(set(priorities)) > 10
    np.testing.assert_allclose(memory.tree.total, priorities.sum())
