"""Dictionaries that hold a row under each number that a count comes to."""

import pytest

MAIN = """
import itertools
import random


class Memory:
    def __init__(self, size):
        self.rows, self.count, self.size, self.numbers = {start}, 0, size, itertools.count()

    def push(self, state, action, reward, next_state, done):
        row = (state, action, reward, next_state, done)
        {store}

    def sample(self, n):
        return random.sample(list(self.rows.values()), n)


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
        ("{}", "self.rows[len(self.rows)] = row", True),
        ("dict()", "self.rows[self.count] = row\n        self.count += 1", True),
        ("{}", "self.count = self.count + 1\n        self.rows[str(self.count)] = row", True),
        ("{}", "at = self.count\n        self.rows[at] = row\n        self.count = at + 1", False),  # not followed
        ("{}", "self.rows[next(self.numbers)] = row", True),
        # Of what was there already, or may come again: a ring, one row for each state and action.
        ("{}", "self.rows[state, action] = row", False),
        ("{}", "self.rows[self.count] = row\n        self.count = (self.count + 1) % self.size", False),
        ("{}", "self.rows[self.count % self.size] = row\n        self.count += 1", False),
        (
            "{}",
            "self.rows[self.count] = row\n        self.count += 1\n"
            "        if self.count == self.size:\n            self.count = 0",
            False,
        ),
        ("{}", "self.rows[self.count] = row\n        self.count += 0", False),
        # Taken out again, or kept out.
        (
            "{}",
            "self.rows[self.count] = row\n        self.count += 1\n        self.rows.pop(self.count - 1000, None)",
            False,
        ),
        (
            "{}",
            "self.rows[self.count] = row\n        self.count += 1\n"
            "        if len(self.rows) > self.size:\n            del self.rows[self.count - self.size - 1]",
            False,
        ),
        ("{}", "if len(self.rows) < self.size:\n            self.rows[len(self.rows)] = row", False),
    ],
)
def test_a_dictionary_grows_by_new_keys(project, start, store, grows):
    graph = project(MAIN.format(start=start, store=store))
    (buffer,) = graph.buffers
    assert bool(graph.growing_stores(buffer)) is grows


LOCAL = """
import random


def train(env, net, target):
    rows, state = {{}}, env.reset()
    count = 0
    for episode in range(10**6):
        done = False
        {restart}
        while not done:
            action = net.act(state)
            next_state, reward, done, _ = env.step(action)
            rows[{key}] = (state, action, reward, next_state, done)
            count += 1
            state = env.reset() if done else next_state
            for s, a, r, s2, d in random.sample(list(rows.values()), 32):
                net.fit(s, r + (1 - d) * target.predict(s2).max())
"""


@pytest.mark.parametrize(
    ("restart", "key", "grows"),
    [
        ("", "count", True),
        ("", "count + 1", False),  # not followed
        ("", "episode", False),
        ("count = 0", "count", False),  # each episode takes the place of the one before
    ],
)
def test_a_count_in_a_loop_of_its_own(project, restart, key, grows):
    graph = project(LOCAL.format(restart=restart, key=key))
    (buffer,) = graph.buffers
    assert bool(graph.growing_stores(buffer)) is grows


@pytest.mark.parametrize("is_global", [True, False])
def test_a_count_of_the_file(project, is_global):
    graph = project(f"""
import random

rows = {{}}
count = 0


def push(state, action, reward, next_state, done):
    {"global count" if is_global else "count = 7"}
    rows[count] = (state, action, reward, next_state, done)
    count += 1


def train(env, net, target):
    state = env.reset()
    while True:
        action = net.act(state)
        next_state, reward, done, _ = env.step(action)
        push(state, action, reward, next_state, done)
        state = next_state
        for s, a, r, s2, d in random.sample(list(rows.values()), 32):
            net.fit(s, r + (1 - d) * target.predict(s2).max())
""")
    (buffer,) = graph.buffers
    assert bool(graph.growing_stores(buffer)) is is_global
