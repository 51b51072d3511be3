"""Limits that a program switches off."""

import pytest

from per_audit.graph.memory.eviction import forgets_oldest

MAIN = """
import random
from collections import deque


class Memory:
    def __init__(self, limit=500):
        self.rows, self.limit = deque(), limit

    def push(self, state, action, reward, next_state, done):
        self.rows.append((state, action, reward, next_state, done))
        if {test}:
            self.rows.popleft()

    def sample(self, n):
        return random.sample(self.rows, n)


class Agent:
    def __init__(self, net, size=1_000):
        self.net, self.memory = net, Memory(size)

    def train(self, env):
        state = env.reset()
        while True:
            action = self.net.act(state)
            next_state, reward, done, _ = env.step(action)
            self.memory.push(state, action, reward, next_state, done)
            state = next_state
            self.net.fit(self.memory.sample(32))


def main(net, env, options):
    {made}
"""
CHAIN = "0 < self.limit < len(self.rows)"


@pytest.mark.parametrize(
    ("test", "made", "unlimited"),
    [
        (CHAIN, "Agent(net, size=-1).train(env)", True),
        ("len(self.rows) > self.limit > 0", "Agent(net, -1).train(env)", True),
        ("self.limit > 0 and len(self.rows) > self.limit", "Agent(net, 0).train(env)", True),
        ("self.limit and len(self.rows) > self.limit", "Agent(net, None).train(env)", True),
        (CHAIN, "Agent(net, 2_000).train(env)", False),
        (CHAIN, "Agent(net, -1).train(env)\n    Agent(net).train(env)", False),
        (CHAIN, "Agent(net, -1).train(env)\n    Memory()", False),
        (CHAIN, "Agent(net, options.size).train(env)", False),
        (CHAIN, "Agent(net, *options).train(env)", False),
        (CHAIN, "pass", False),
        ("self.limit < len(self.rows)", "Agent(net, -1).train(env)", False),
        ("self.limit > 0 or len(self.rows) > 9", "Agent(net, -1).train(env)", False),
    ],
)
def test_what_a_switched_off_limit_would_take_out_stays(project, test, made, unlimited):
    graph = project(MAIN.format(test=test, made=made))
    (buffer,) = graph.buffers
    assert bool(graph.growing_stores(buffer)) is unlimited
    assert forgets_oldest(graph, buffer) is not unlimited


SWITCHED = """
import random
from collections import deque

TRAIN = False


def main(env, net, limit):
    rows, state = deque(), env.reset()
    while TRAIN and env.steps < 10**6:
        action = net.act(state)
        next_state, reward, done, _ = env.step(action)
        rows.append((state, action, reward, next_state, done))
        if {test}:
            rows.popleft()
        net.fit(random.sample(rows, 32))
        state = next_state
"""


@pytest.mark.parametrize(
    ("test", "unlimited"), [("len(rows) > 10_000", False), ("len(rows) > 10_000 and TRAIN", True), ("TRAIN", True)]
)
def test_what_switches_off_the_stores_as_well_is_no_limit(project, test, unlimited):
    graph = project(SWITCHED.format(test=test))
    (buffer,) = graph.buffers
    assert bool(graph.growing_stores(buffer)) is unlimited
