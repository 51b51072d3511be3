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


@pytest.mark.parametrize(
    ("made", "grows"),
    [
        ("rows = []\n        for memory in self.memories:\n            rows.extend(list(memory))", False),
        ("rows = self.rows\n        for memory in self.memories:\n            rows.extend(list(memory))", True),
    ],
)
def test_a_list_that_one_call_gathers_from_memories_and_draws_from_keeps_nothing(project, made, grows):
    graph = project(f"""
import random
from collections import deque


class Fleet:
    def __init__(self, workers, net):
        self.net = net
        self.rows = []
        self.memories = [deque(maxlen=10000) for _ in range(workers)]

    def act(self, worker, env, state):
        action = self.net.act(state)
        next_state, reward, done, _ = env.step(action)
        self.memories[worker].append({{
            "state": state, "action": action, "reward": reward, "next_state": next_state, "done": done
        }})
        return next_state

    def learn(self):
        {made}
        for row in random.sample(rows, 32):
            target = row["reward"] + (1 - row["done"]) * self.net.predict(row["next_state"]).max()
            self.net.fit(row["state"], target)


def train(env, net):
    fleet = Fleet(4, net)
    states = [env.reset()] * 4
    while True:
        states = [fleet.act(worker, env, state) for worker, state in enumerate(states)]
        fleet.learn()
""")
    buffers = [*graph.buffers, *graph.twins]
    assert buffers
    assert bool([found for buffer in buffers for found in graph.growing_stores(buffer)]) is grows
