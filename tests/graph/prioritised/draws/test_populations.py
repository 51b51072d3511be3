"""Draws that make a new population of an old one."""

import pytest

from per_audit.graph.model import ReplayBuffer
from per_audit.graph.prioritised.draws.populations import replaces_its_population

FILTER = """
    import numpy as np

    class Filter:
        def __init__(self, size):
            self.state, self.reward, self.mass = np.zeros(size), np.zeros(size), np.zeros(size)

        def add(self, at, state, reward):
            self.state[at], self.reward[at], self.mass[at] = state, reward, 1.0

        def sample(self, n):
            p = self.mass / self.mass.sum()
            at = np.random.choice(n, n, p=p)
            {code}
            return self.state[at], self.reward[at], at
"""


@pytest.mark.parametrize(
    ("code", "known"),
    [
        ("self.state = self.state[at]", True),
        ("self.state[:] = self.state[at]", True),
        ("self.state = np.copy(self.state[at])", True),
        ("self.state, self.reward = self.state[at], self.reward[at]", True),
        ("self.last = self.state[at]", False),
        ("self.state[0] = self.state[at]", False),
        ("self.state = self.state[:n]", False),
        ("self.state = self.reward[at]", False),
        ("self.state, self.reward = self.reward[at], self.state[at]", False),
        ("self.p = self.mass / 2\n            self.p = self.p[at]", False),
    ],
)
def test_what_becomes_its_own_drawn_items(project, code, known):
    graph = project(FILTER.replace("{code}", code))
    (draw,) = graph.events.draws.values()
    owner = graph.project.class_of[draw.function]
    buffer = ReplayBuffer("prioritised", "main.py", owner, draw.function, [draw.node], sources={draw.node})
    assert replaces_its_population(graph.events, buffer) is known
