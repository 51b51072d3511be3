"""Which containers of transitions grow without bound."""

import pytest

MAIN = """
import random
from collections import deque


class Memory:
    def __init__(self, size):
        self.rows, self.size = {start}, size

    def push(self, state, action, reward, next_state, done):
        row = (state, action, reward, next_state, done)
        {store}

    def sample(self, n):
        return random.sample(self.rows, n)


def train(env, net, target):
    memory = Memory(1000)
    state = env.reset()
    while True:
        action = net.act(state)
        next_state, reward, done, _ = env.step(action)
        memory.push(state, action, reward, next_state, done)
        state = next_state
        for s, a, r, s2, d in memory.sample(32):
            net.fit(s, r + (1 - d) * target.predict(s2).max())
"""


@pytest.mark.parametrize(
    ("start", "store", "grows"),
    [
        ("[]", "self.rows.append(row)", True),
        ("deque()", "self.rows.append(row)", True),
        ("deque(maxlen=None)", "self.rows.append(row)", True),
        ("deque(maxlen=999_999_999_999)", "self.rows.append(row)", True),
        ("[]", "self.rows.insert(0, row)", True),
        ("[]", "self.rows.extend([row])", True),
        ("deque(maxlen=size)", "self.rows.append(row)", False),
        ("deque([], size)", "self.rows.append(row)", False),
        ("[None] * size", "self.rows[random.randrange(self.size)] = row", False),
        ("[]", "self.rows.append(row)\n        del self.rows[: -self.size]", False),
        ("[]", "self.rows = (self.rows + [row])[-self.size :]", False),
        ("[]", "self.rows.append(row)\n        while len(self.rows) > self.size:\n            self.rows.pop(0)", False),
        ("[]", "if len(self.rows) < self.size:\n            self.rows.append(row)", False),
    ],
)
def test_growth(project, start, store, grows):
    graph = project(MAIN.format(start=start, store=store))
    stores = [found for buffer in graph.buffers for found in graph.growing_stores(buffer)]
    assert len(graph.buffers) == 1
    assert bool(stores) is grows


@pytest.mark.parametrize(("rounds", "grows"), [("range(100)", False), ("range(steps)", True), ("range(10**6)", True)])
def test_a_list_that_a_script_fills_by_count_is_bounded(project, rounds, grows):
    graph = project(f"""
import random
import sys

steps = int(sys.argv[1])
rows = []
for step in {rounds}:
    rows.append({{"state": 0, "action": 1, "reward": 2.0, "next_state": 3, "done": False}})
print(random.sample(rows, 8))
""")
    stores = [found for buffer in graph.buffers for found in graph.growing_stores(buffer)]
    assert len(graph.buffers) == 1
    assert bool(stores) is grows
