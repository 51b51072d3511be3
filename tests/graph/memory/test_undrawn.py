"""Objects of a memory's class that nothing draws from."""

import pytest

from per_audit.graph.memory.capacity import capacity_of

MAIN = """
import random
from collections import deque


class Store:
    def __init__(self, limit):
        self.items = deque(maxlen=limit)

    def add(self, item):
        self.items.append(item)

    def draw(self, n):
        return random.sample(self.items, n)

    def draw_some(self):
        return self.draw(32)


class Agent:
    def __init__(self, net):
        self.net = net
        self.memory = Store(10_000)
        {kept} = Store(100)
        {more}

    def learn(self):
        for s, a, r, s2, d in {asked}:
            self.net.fit(s, r + (1 - d) * self.net.predict(s2).max())


def train(env, net):
    agent, state, score = Agent(net), env.reset(), 0
    while True:
        action = net.act(state)
        next_state, reward, done, _ = env.step(action)
        agent.memory.add((state, action, reward, next_state, done))
        agent.learn()
        agent.scores.add(score)
        print(len(agent.scores))
        state = next_state
"""


@pytest.mark.parametrize(
    ("kept", "asked", "more", "least"),
    [
        ("self.scores", "self.memory.draw(32)", "pass", 10_000),
        ("self.scores", "self.memory.draw_some()", "pass", 10_000),
        # Drawn from as well, or handed to what may do so.
        ("self.scores", "self.memory.draw(24) + self.scores.draw(8)", "pass", 100),
        ("self.scores", "self.memory.draw(32)", "net.shown(self.scores)", 100),
        ("self.scores", "self.memory.draw(32)", "net.shown(getattr(self, 'scores'))", 100),
        ("self.scores", "self.memory.draw(32)", "self.other = self.scores", 100),
        ("self.scores", "self.pick().draw(32)", "self.pick = lambda: self.scores", 100),
        ("self.memory", "self.memory.draw(32)", "self.scores = []", 100),
    ],
)
def test_what_is_not_drawn_from_tells_no_capacity(project, kept, asked, more, least):
    graph = project(MAIN.format(kept=kept, asked=asked, more=more))
    (buffer,) = graph.buffers
    assert capacity_of(graph, buffer.containers, holder=buffer.owner).least == least
