"""Models that a method of another class fits: weights go through it to the fit."""

from __future__ import annotations

import pytest

from ...rewriting import Files, check_fixed, check_refused
from ..containers.test_container_swap import changed

KERAS = """
from keras.models import Sequential


class Brain:
    def __init__(self):
        self.model = Sequential()
        self.model.compile(loss="mse", optimizer="adam")

    def train(self, x, y, verbose=0{parameter}):
        self.model.fit(x, y, verbose=verbose{argument})

    def predict(self, states):
        return self.model.predict(states)
"""
TORCH = """
import torch
from torch import nn{imported}


class Brain:
    def __init__(self, network):
        self.network = network
        self.criterion = nn.MSELoss({none})
        self.optimizer = torch.optim.Adam(network.parameters())

    def train(self, x, y{parameter}):
        goals = torch.as_tensor(y)
        values = self.network(torch.as_tensor(x))
        loss = {loss}
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()

    def predict(self, states):
        with torch.no_grad():
            return self.network(torch.as_tensor(states)).numpy()
"""
AGENT = """
import numpy as np
from brain import Brain
from memory import Memory


class Agent:
    def __init__(self, network):
        self.brain = Brain({network})
        self.memory = Memory(9000)

    def replay(self):
        batch{arrive} = self.memory.sample(64)
        states = np.array([o[0] for o in batch])
        rows = self.brain.predict(states)
        later = self.brain.predict(np.array([o[3] for o in batch]))
        x = np.zeros((len(batch), 4))
        y = np.zeros((len(batch), 2))
{start}        for i in range(len(batch)):
            s, a, r, n, d = batch[i]
            row = rows[i]
{before}            row[a] = r if d else r + 0.9 * np.amax(later[i])
{after}            x[i] = s
            y[i] = row
        self.brain.train(x, y{argument})
{update}

def main(env):
    agent = Agent(None)
    state = env.reset()
    for step in range(20_000):
        next_state, reward, done = env.step(0)
        agent.memory.add((state, 0, reward, next_state, done))
        state = next_state
        agent.replay()
"""
MEMORY = """
import random


class Memory:
    def __init__(self, capacity):
        self.capacity = capacity
        self.samples = []

    def add(self, sample):
        self.samples.append(sample)
        if len(self.samples) > self.capacity:
            self.samples.pop(0)

    def sample(self, n):
        n = min(n, len(self.samples))
        return random.sample(self.samples, n)
"""
FIXED_MEMORY = """
from experience_replay_optimizer import LinearSchedule, PrioritizedReplayBuffer


class Memory:
    def __init__(self, capacity):
        self.capacity = capacity
        self.samples = PrioritizedReplayBuffer(
            self.capacity,
            beta=LinearSchedule(0.4, 1.0, steps=20_000),
            reward=2,
        )

    def add(self, sample):
        self.samples.append(sample)

    def sample(self, n):
        n = min(n, len(self.samples))
        return self.samples.sample(n)

    def update_priorities(self, indices, td_errors):
        self.samples.update_priorities(indices, td_errors)
"""


def _agent(network: str, **slots: str) -> str:
    return AGENT.format(network=network, **dict.fromkeys(FIXED_SLOTS, "") | slots)


FIXED_SLOTS = {
    "arrive": ", weights, indices",
    "start": "        td_errors = []\n",
    "before": "            prediction = row[a]\n",
    "after": "            td_errors.append(abs(row[a] - prediction))\n",
    "argument": ", sample_weight=weights",
    "update": "        self.memory.update_priorities(indices, td_errors)\n",
}
LOSS, WEIGHTED = (
    "self.criterion(values, goals)",
    "importance_weighted_loss(self.criterion(values, goals), sample_weight)",
)
IMPORTED = "\nfrom experience_replay_optimizer import importance_weighted_loss"


def keras(parameter: str = "", argument: str = "") -> str:
    return KERAS.format(parameter=parameter, argument=argument)


def torch(loss: str = LOSS, parameter: str = "", none: str = "", imported: str = "") -> str:
    return TORCH.format(loss=loss, parameter=parameter, none=none, imported=imported)


def program(brain: str, network: str = "") -> Files:
    return {"agent.py": _agent(network), "brain.py": brain, "memory.py": MEMORY}


def test_a_fit_in_another_class():
    fixed = keras(", sample_weight=None", ", sample_weight=sample_weight")
    after = {"agent.py": _agent("", **FIXED_SLOTS), "brain.py": fixed, "memory.py": FIXED_MEMORY}
    check_fixed(program(keras()), after)


def test_a_loss_of_torch_in_another_class():
    fixed = changed(
        {"brain.py": torch(WEIGHTED, ", sample_weight=None", 'reduction="none"')},
        ("import torch\nfrom torch import nn", f"import torch{IMPORTED}\nfrom torch import nn"),
    )
    after = {"agent.py": _agent("network", **FIXED_SLOTS), "memory.py": FIXED_MEMORY, **fixed}
    check_fixed(program(torch(), "network"), after)


def test_other_callers_weigh_nothing():
    other = ("def main(env):", "def warm_up(brain, x, y):\n    brain.train(x, y)\n\n\ndef main(env):")
    use = ("    agent = Agent(None)\n", "    agent = Agent(None)\n    warm_up(agent.brain, env.x, env.y)\n")
    fixed = keras(", sample_weight=None", ", sample_weight=sample_weight")
    after = {"agent.py": _agent("", **FIXED_SLOTS), "brain.py": fixed, "memory.py": FIXED_MEMORY}
    check_fixed(changed(program(keras()), other, use), changed(after, other, use))


@pytest.mark.parametrize(
    ("pair", "reason"),
    [
        (("verbose=0)", "verbose=0, *more)"), "signature or decorator that cannot take weights"),
        (("verbose=0)", "verbose=0, sample_weight=None)"), "has a parameter sample_weight already"),
        (("    def train", "    @traced\n    def train"), "signature or decorator that cannot take weights"),
        (("verbose=verbose)", "verbose=verbose, class_weight=x)"), "has weights already"),
        (('loss="mse"', "loss=make_loss()"), "is not known to keep one value a row"),
        (("fit(x, y,", "fit(x + 1, y,"), "no TD loss that can be weighted was found"),
    ],
)
def test_refused(pair, reason):
    check_refused(changed(program(keras()), pair), reason)
