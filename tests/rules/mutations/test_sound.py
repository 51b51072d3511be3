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


def n_step_dicts(load):
    replay = load("n_step_dicts", "replay").NStepReplay(CAPACITY, steps=1)
    for _ in range(CAPACITY):
        replay.append(*ROW, False)
    replay.update(np.arange(CAPACITY), ERRORS)

    def draw(n):
        batch = replay.sample(n, BETA)
        return batch["slot"], batch["weight"]

    return draw


def td3_twins(load):
    pytest.importorskip("torch")
    store = load("td3_twins", "store").Store(CAPACITY, 4, 1)
    for _ in range(CAPACITY):
        store.add(*ROW)
    store.update(np.arange(CAPACITY), ERRORS)

    def draw(n):
        *_, weights, slots = store.sample(n, BETA)
        return slots, weights.squeeze(1).numpy()

    return draw


def rank_based(load):
    pytest.importorskip("torch")
    memory = load("rank_based", "memory").RankedMemory(CAPACITY, 4)
    for _ in range(CAPACITY):
        memory.add(*ROW)
    memory.update(np.arange(CAPACITY), ERRORS)
    return lambda n: memory.sample(n, BETA)[1:]


BY_ERROR = ERRORS**ALPHA
BY_RANK = (1 / np.arange(CAPACITY, 0, -1)) ** 0.7


@pytest.mark.parametrize(
    ("make", "mass"),
    [
        (proportional_torch, BY_ERROR),
        (numpy_linear, BY_ERROR),
        (proportional_keras, BY_ERROR),
        (functional_jax, BY_ERROR),
        (n_step_dicts, BY_ERROR),
        (td3_twins, BY_ERROR),
        (segment_numpy, BY_ERROR),
        (rank_based, BY_RANK),
    ],
)
def test_draws_and_weights(make, mass, load):
    expected = mass / mass.sum()
    slots, weights = make(load)(20_000)
    np.testing.assert_allclose(np.bincount(slots, minlength=CAPACITY) / 20_000, expected, atol=0.008)
    exact = (CAPACITY * expected[slots]) ** -BETA
    np.testing.assert_allclose(weights, exact / exact.max(), rtol=1e-4)


def test_loss_adjusted_draws(load):
    pytest.importorskip("torch")
    memory = load("lap", "lap").LossAdjusted(CAPACITY)
    for _ in range(CAPACITY):
        memory.add(*ROW)
    memory.update(np.arange(CAPACITY), ERRORS)
    expected = np.maximum(ERRORS, 1) ** 0.4
    _, slots = memory.sample(20_000)
    np.testing.assert_allclose(np.bincount(slots) / 20_000, expected / expected.sum(), atol=0.006)


def test_n_step_returns(load):
    replay = load("n_step_dicts", "replay").NStepReplay(8, steps=3, gamma=0.5)
    for number in range(4):
        replay.append(number, 0, 1.0, number + 1, number == 3, False)
    stored = [(state, reward, ahead, ends, discount) for state, _, reward, ahead, ends, discount in replay.rows[:4]]
    assert stored == [
        (0, 1.75, 3, False, 0.125),
        (1, 1.75, 4, True, 0.125),
        (2, 1.5, 4, True, 0.25),
        (3, 1.0, 4, True, 0.5),
    ]


class Env:
    """Four numbers, two actions, an end now and then."""

    def reset(self):
        return np.zeros(4, np.float32), {}

    def step(self, action):
        return np.random.rand(4).astype(np.float32), float(np.sum(action)), np.random.rand() < 0.1, False, {}


@pytest.mark.parametrize(
    ("project", "module", "function", "values"),
    [("rank_based", "train", "train", 10), ("n_step_dicts", "run", "run", 10), ("lap", "lap", "train", 1)],
)
def test_training_of_q_networks_runs(load, project, module, function, values):
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    net, target = torch.nn.Linear(4, 2), torch.nn.Linear(4, 2)
    optimizer = torch.optim.SGD(net.parameters(), 1e-2)
    before = net.weight.detach().clone()
    memory = getattr(load(project, module), function)(Env(), net, target, optimizer, 100, capacity=80)
    priorities = next(vars(memory)[name] for name in ("priority", "priorities", "errors") if name in vars(memory))
    assert len(set(priorities)) > values  # those of small errors are one
    assert not torch.equal(net.weight, before)


def test_training_of_twin_critics_runs(load):
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    actors = [torch.nn.Sequential(torch.nn.Linear(4, 1), torch.nn.Tanh()) for _ in range(2)]
    critics = [torch.nn.Linear(5, 1) for _ in range(4)]
    networks = (actors[0], critics[0], critics[1], actors[1], critics[2], critics[3])
    trained = [parameter for critic in critics[:2] for parameter in critic.parameters()]
    optimizers = torch.optim.SGD(actors[0].parameters(), 1e-2), torch.optim.SGD(trained, 1e-2)
    store = load("td3_twins", "main").start(Env(), networks, *optimizers, steps=100)
    assert len(set(store.priority[:100])) > 10


def test_training_runs(load):
    torch = pytest.importorskip("torch")

    torch.manual_seed(0)
    train = load("proportional_torch", "train").train
    net, target = torch.nn.Linear(4, 2), torch.nn.Linear(4, 2)
    memory = train(Env(), net, target, torch.optim.SGD(net.parameters(), 1e-2), 80, capacity=64)
    priorities = memory.tree.nodes[64:]
    assert memory.size == 64
    assert len(set(priorities)) > 10
    np.testing.assert_allclose(memory.tree.total, priorities.sum())
