"""PER005 tells of a learner that drops the weights, be it that it learns by what it gives the batch to."""

import pytest

from per_audit.facts import extract
from per_audit.graph import link
from per_audit_rules.per005_missing_importance_weights import MissingImportanceWeights

MEMORY = """
import numpy as np


class Memory:
    def __init__(self, size):
        self.rows, self.mass, self.at = [None] * size, np.zeros(size), 0

    def put(self, *row):
        self.rows[self.at], self.mass[self.at] = row, self.mass.max() or 1.0
        self.at = (self.at + 1) % len(self.rows)

    def some(self, n, beta):
        shares = self.mass / self.mass.sum()
        slots = np.random.choice(len(self.rows), n, p=shares)
        weights = (len(self.rows) * shares[slots]) ** -beta
        states, actions, rewards, following, ends = map(np.array, zip(*[self.rows[slot] for slot in slots]))
        return states, actions, rewards, following, ends, slots, weights / weights.max()

    def rate(self, slots, errors):
        self.mass[slots] = abs(errors) + 1e-6


class Weighing:
    def __init__(self, net):
        self.net, self.memory = net, Memory(1000)

    def learn(self, beta):
        states, actions, rewards, following, ends, slots, weights = self.memory.some(32, beta)
        errors = self.net.errors(states, actions, rewards, following, ends)
        (weights * errors**2).mean().backward()
        self.memory.rate(slots, errors)


class ByHelpers:
    def __init__(self, net):
        self.net, self.memory = net, Memory(1000)

    def step(self, beta):
        self.learn(self.memory.some(32, beta))

    def learn(self, batch):
        states, actions, rewards, following, ends, slots, weights = batch
        self.memory.rate(slots, self.critic(CALL))
        self.look(states)

    def critic(self, GIVEN):
        errors = self.net.errors(states, actions, rewards, following, ends)
        LOSS
        return errors

    def look(self, states):
        print(states)


def train(env, net, steps):
    for step in range(steps):
        for agent in (Weighing(net), ByHelpers(net)):
            agent.memory.put(*env.turn())
            (agent.learn if agent.old else agent.step)(min(1.0, 0.4 + step / steps))
"""
ROW = "states, actions, rewards, following, ends"


@pytest.mark.parametrize(
    ("call", "given", "loss", "expected"),
    [
        (ROW, ROW, "(errors**2).mean().backward()", ["ByHelpers.learn"]),
        (f"{ROW}, weights", f"{ROW}, weights", "(weights * errors**2).mean().backward()", []),
        (ROW, ROW, "print(errors)", []),  # whatever learns is out of sight
    ],
)
def test_a_learner_may_learn_by_what_it_gives_the_batch_to(call, given, loss, expected):
    text = MEMORY.replace("CALL", call).replace("GIVEN", given).replace("LOSS", loss)
    found = MissingImportanceWeights().check(link([extract("main.py", text.encode())]))
    assert [finding.symbol for finding in found if "drops the importance" in finding.message] == expected
