"""PER205 names each memory whose priorities a place may be about."""

import pytest

from per_audit.facts import extract
from per_audit.graph import link
from per_audit_rules.per205_priority_from_weighted_loss import PriorityFromWeightedLoss

MEMORY = """import numpy as np


class {name}:
    def __init__(self, size):
        self.rows, self.mass, self.size, self.at = [None] * size, np.zeros(size), size, 0

    def push(self, state, action, reward, next_state, done):
        self.rows[self.at] = (state, action, reward, next_state, done)
        self.mass[self.at] = 1.0
        self.at = (self.at + 1) % self.size

    def sample(self, n, beta):
        p = self.mass / self.mass.sum()
        at = np.random.choice(self.size, n, p=p)
        weights = (self.size * p[at]) ** -beta
        return [self.rows[i] for i in at], at, weights / weights.max()

    def update(self, at, values):
        self.mass[at] = values + 1e-6
"""
LEARN = """from near import Near
from far import Far


def learn(memory, net, optimizer, beta):
    rows, at, weights = memory.sample(32, beta)
    losses = weights * net.errors(rows) ** 2
    losses.mean().backward()
    optimizer.step()
    memory.update(at, losses.detach())


def train(net, optimizer, is_near):
    memory = Near(1000) if is_near else Far(1000)
    for step in range(5_000):
        memory.push(*net.step())
        learn(memory, net, optimizer, step / 5_000)
"""


def test_a_function_that_is_given_one_of_two_memories_is_about_both():
    files = {"near.py": MEMORY.format(name="Near"), "far.py": MEMORY.format(name="Far"), "learn.py": LEARN}
    (finding,) = PriorityFromWeightedLoss().check(link([extract(path, text.encode()) for path, text in files.items()]))
    assert finding.message.startswith("the priorities of Far or Near are made")


@pytest.mark.parametrize(
    ("rated", "told"),
    [
        ("(weights * (net.errors(rows) ** 2)).detach() + 1e-5", True),
        ("(net.errors(rows) ** 2).detach() + 1e-5", False),
        ("list(zip(net.errors(rows), weights * net.errors(rows)))", False),  # the first of each is an error
    ],
)
def test_the_number_in_each_row_of_a_column_is_followed(rated, told):
    memory = MEMORY.format(name="Memory").replace(
        "        self.mass[at] = values + 1e-6",
        "        for i, row in zip(at, values):\n            self.mass[i] = row[0]",
    )
    learn = f"""from memory import Memory


def learn(env, net, optimizer):
    memory = Memory(1000)
    while True:
        memory.push(*env.step(net.act()))
        rows, at, weights = memory.sample(32, 0.4)
        values = {rated}
        (weights * net.errors(rows) ** 2).mean().backward()
        optimizer.step()
        memory.update(at, values)
"""
    graph = link([extract(path, text.encode()) for path, text in (("memory.py", memory), ("learn.py", learn))])
    assert bool(list(PriorityFromWeightedLoss().check(graph))) is told
