"""Batches of the best and the worst of a list are not drawn uniformly."""

from __future__ import annotations

import pytest

PROGRAM = """import random

class Memory:
    def __init__(self):
        self.rows = []

    def add(self, state, action, reward, next_state, done):
        self.rows.append((state, action, reward, next_state, done))
        {order}

    def sample(self, n):
        {draw}

def train(env, net):
    memory, state = Memory(), env.reset()
    while True:
        next_state, reward, done, _ = env.step(net.act(state))
        memory.add(state, 0, reward, next_state, done)
        state = next_state
        net.loss(memory.sample(32)).backward()
"""
SORTED = "self.rows = sorted(self.rows, key=lambda row: row[2])"
HALVES = "best = self.rows[-100:]\n        return random.sample(best, n // 2) + random.sample(self.rows, n // 2)"


@pytest.mark.parametrize(
    ("order", "draw", "found"),
    [
        (SORTED, HALVES, 0),
        ("self.rows.sort(key=lambda row: row[2])", "return random.sample(self.rows[:100], n)", 0),
        (SORTED, "return random.sample(self.rows, n)", 1),
        (SORTED, "return random.sample(self.rows[:], n)", 1),
        ("pass", "return random.sample(self.rows[-100:], n)", 1),
    ],
)
def test_a_part_of_a_list_in_an_order(project, order, draw, found):
    graph = project(PROGRAM.format(order=order, draw=draw))
    assert len(graph.buffers) == found
