"""Batches that are joined of positions by priority and of others."""

import pytest

from per_audit.graph.prioritised.draws.mixtures import mixture, weighted_apart

MEMORY = """
import random

import numpy as np
import torch


class Memory:
    def __init__(self, size):
        self.rows, self.mass, self.size, self.at, self.fresh = [None] * size, np.zeros(size), size, 0, []

    def push(self, state, action, reward, next_state, done):
        slot = self.at % self.size
        self.rows[slot] = (state, action, reward, next_state, done)
        self.mass[slot] = self.mass.max() or 1.0
        self.fresh.append(slot)
        self.at += 1

    def sample(self, n, beta):
        filled = min(self.at, self.size)
        p = self.mass[:filled] / self.mass[:filled].sum()
        DRAW
        weights = (filled * p[slots]) ** -beta
        AFTER
        return [self.rows[i] for i in slots], slots, weights / weights.max()

    def update(self, slots, errors):
        self.mass[slots] = np.abs(errors) + 1e-6


def train(net, optimizer):
    memory, losses = Memory(1000), []
    for step in range(1000):
        memory.push(*net.step())
        batch, slots, weights = memory.sample(32, 0.4)
        errors = net.errors(batch)
        loss = (torch.as_tensor(weights) * errors**2).mean()
        loss.backward()
        optimizer.step()
        losses.append(float(loss) + 0.1)
        memory.update(slots, errors.detach().numpy())
"""
INDENT = "\n        "
JOINED = "slots = np.concatenate([np.random.choice(filled, n, p=p), np.arange(filled - 4, filled)])"


@pytest.fixture
def found(project):
    """The source of the join, None for none, and whether a part is weighted apart."""

    def find(draw, after="pass"):
        graph = project(MEMORY.replace("DRAW", INDENT.join(draw.splitlines())).replace("AFTER", after))
        (buffer,) = graph.buffers
        weights = graph.weights(buffer)
        (weight,) = weights.all
        join = mixture(weights, weight)
        return join and graph.module(join.path).source(join.node), weighted_apart(weights, weight)

    return find


@pytest.mark.parametrize(
    ("draw", "join"),
    [
        (JOINED, JOINED[8:]),
        (
            "first = np.random.choice(filled, n, p=p)\nslots = np.hstack((first, np.random.randint(0, filled, 4)))",
            "np.hstack((first, np.random.randint(0, filled, 4)))",
        ),
        (
            "slots = np.append(np.random.choice(filled, n, p=p), (self.at - 1) % self.size)",
            "np.append(np.random.choice(filled, n, p=p), (self.at - 1) % self.size)",
        ),
        ("slots = np.random.choice(filled, n, p=p)\nslots[-1] = (self.at - 1) % self.size", "slots[-1]"),
        ("slots = np.random.choice(filled, n, p=p)\nslots[:4] = np.arange(filled - 4, filled)", "slots[:4]"),
        (
            "slots = random.choices(range(filled), p, k=n) + random.sample(range(filled), 4)",
            "random.choices(range(filled), p, k=n) + random.sample(range(filled), 4)",
        ),
        (
            "slots = []\nwhile self.fresh:\n    slots.append(self.fresh.pop())\n"
            "for slot in np.random.choice(filled, n - len(slots), p=p):\n    slots.append(slot)",
            "self.fresh.pop()",
        ),
    ],
)
def test_joins_of_two_sources(found, draw, join):
    assert found(draw) == (join, False)


@pytest.mark.parametrize(
    "draw",
    [
        "slots = np.random.choice(filled, n, p=p)",
        "slots = np.concatenate([np.random.choice(filled, n, p=p), np.random.choice(filled, 4, p=p)])",
        "slots = np.arange(filled) if filled < n else np.random.choice(filled, n, p=p)",
        "slots = np.concatenate([np.random.choice(filled, n, p=p), other(filled)])",
        "slots = np.random.choice(filled, n, p=p)\nslots = np.concatenate([slots, slots - 1])",
        "slots = np.random.choice(filled, n, p=p)\nslots[p[slots] == 0] = np.random.randint(0, filled)",
        "slots = np.random.choice(filled, n, p=p)\nif self.rows[slots[0]] is None:\n    slots[0] = self.at - 1",
        "slots = np.random.choice(filled, n, p=p)\nslots += np.random.randint(0, 2, n)",
    ],
    ids=["one", "both by priority", "either", "not known", "neighbours", "masked", "where unfit", "jitter"],
)
def test_no_join_of_two_sources(found, draw):
    assert found(draw)[0] is None


@pytest.mark.parametrize(
    ("after", "apart"),
    [
        ("weights[-4:] = 1", True),
        ("weights[-4:] *= 0.5", True),
        ("weights = np.where(slots < 4, 1, weights)", True),
        ("weights = np.concatenate([weights, np.ones(4)])", True),
        ("weights = list(weights) + [1.0] * 4", True),
        ("weights = weights + 1e-5", False),
        ("weights = np.clip(weights, 0, 1)", False),
        ("self.mass[slots] = 1", False),
    ],
)
def test_weights_of_a_part(found, after, apart):
    assert found(JOINED, after)[1] is apart
