"""PER205 names each memory whose priorities a place may be about."""

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
