"""Whose priority an aggregate becomes."""

import pytest

from per_audit.facts import extract
from per_audit.graph import link
from per_audit.rule import all_rules

PROGRAM = """import random

import numpy as np
import torch.nn.functional as F


class Memory:
    def __init__(self, size):
        self.rows, self.mass = [], np.zeros(size)

    def add(self, state, action, reward, next_state, done):
        self.mass[len(self.rows)] = max(self.mass.max(), 1.0)
        self.rows.append((state, action, reward, next_state, done))

    def sample(self, n):
        p = self.mass[: len(self.rows)] / self.mass.sum()
        at = np.random.choice(len(self.rows), n, p=p)
        return at, [self.rows[i] for i in at]

    def update(self, at, errors):
        for i, error in zip(at, errors):
            self.mass[i] = error + 1e-6


def learn(net, memory, transition):
    memory.add(*transition)
    at, rows = memory.sample(32)
    q, goal = net.both(rows)
    loss = F.mse_loss(q, goal)
    loss.backward()
    memory.update(at, {errors})


learn(None, Memory(1_000), None)
"""


@pytest.mark.parametrize(
    ("errors", "who"),
    [
        ("np.atleast_1d(loss.detach().numpy())", "only the first transition of a batch gets a priority in Memory"),
        ("loss.detach().numpy().reshape(-1)", "only the first transition of a batch gets a priority in Memory"),
        ("np.abs(np.array([loss.item()])).flatten()", "only the first transition of a batch gets a priority in Memory"),
        ("[loss.item()]", "only the first transition of a batch gets a priority in Memory"),
        ("[loss.item()] * len(at)", "all transitions of a batch get one priority in Memory"),
        ("np.full(len(at), loss.item())", "all transitions of a batch get one priority in Memory"),
    ],
)
def test_a_loop_over_a_list_of_one_ends_after_the_first(errors, who):
    graph = link([extract("main.py", PROGRAM.replace("{errors}", errors).encode())])
    rule = next(rule for rule in all_rules() if rule.code == "PER210")
    assert [finding.message.partition(":")[0] for finding in rule.check(graph)] == [who]


AT_ONCE = """
import numpy as np
import torch.nn.functional as F


class Memory:
    def __init__(self, size):
        self.rows, self.leaves, self.at = [None] * size, size, 0
        self.sums = np.zeros(2 * size)

    def add(self, state, action, reward, next_state, done):
        self.rows[self.at] = (state, action, reward, next_state, done)
        self.set(np.array([self.at]), np.array([self.sums[self.leaves :].max() or 1.0]))
        self.at = (self.at + 1) % self.leaves

    def set(self, slots, priorities):
        nodes = slots + self.leaves
        self.sums[nodes] = priorities
        while nodes[0] > 1:
            nodes = np.unique(nodes // 2)
            self.sums[nodes] = self.sums[2 * nodes] + self.sums[2 * nodes + 1]

    def sample(self, n):
        mass, nodes = {mass}, np.ones(n, int)
        while nodes[0] < self.leaves:
            nodes = 2 * nodes
            beyond = mass >= self.sums[nodes]
            mass = mass - beyond * self.sums[nodes]
            nodes = nodes + beyond
        return nodes - self.leaves, [self.rows[slot] for slot in nodes - self.leaves]


def learn(net, memory, transition):
    memory.add(*transition)
    slots, rows = memory.sample(32)
    q, goal = net.both(rows)
    loss = F.mse_loss(q, goal)
    loss.backward()
    memory.set(slots, {errors} + 1e-6)


learn(None, Memory(1024), None)
"""


@pytest.mark.parametrize(
    "mass",
    [
        "np.random.uniform(0.0, self.sums[1], n)",
        "np.random.uniform(0.0, self.sums[1], (n,))",
        "np.random.uniform(0.0, self.sums[1], size=n)",
        "np.random.rand(n) * self.sums[1]",
    ],
)
@pytest.mark.parametrize(
    ("errors", "count"),
    [("np.full(32, loss.item())", 1), ("np.ones(32) * loss.item()", 1), ("(q - goal).abs().detach().numpy()", 0)],
)
def test_positions_may_be_found_all_at_once(mass, errors, count):
    graph = link([extract("main.py", AT_ONCE.replace("{mass}", mass).replace("{errors}", errors).encode())])
    rule = next(rule for rule in all_rules() if rule.code == "PER210")
    assert len(list(rule.check(graph))) == count
