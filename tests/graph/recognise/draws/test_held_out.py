"""States drawn once to look at an agent by, and rows that a model is tried on, are no batch to learn from."""

import pytest

PROGRAM = """
    import random
    from collections import deque

    HELD_OUT = None

    class Replay:
        def __init__(self):
            self.rows, self.kept = deque(maxlen=1000), None

        def put(self, *row):
            self.rows.append(row)
            {once}

        def get(self, n):
            return random.sample(self.rows, n)

    def train(env, net, steps):
        replay, state = Replay(), env.reset()
        for _ in range(steps):
            next_state, reward, done = env.step(net.act(state))
            replay.put(state, reward, next_state, done)
            state = next_state
            before, rewards, after, dones = zip(*replay.get(32))
            net.fit(before, rewards + 0.99 * (1 - dones) * net.predict(after).max(axis=1))
            {later}
"""
DRAW = "[row[0] for row in random.sample(self.rows, 50)]"


@pytest.mark.parametrize(
    ("once", "later", "found"),
    [
        (f"if self.kept is None and len(self.rows) > 50: self.kept = {DRAW}", "", 1),
        (f"global HELD_OUT\n            if HELD_OUT is None: HELD_OUT = {DRAW}", "", 1),
        (f"HELD_OUT = None\n            if HELD_OUT is None: HELD_OUT = {DRAW}", "", 2),
        (f"if self.kept is None: self.kept = {DRAW}", "replay.kept = None", 2),
        (f"if self.kept is not None: self.kept = {DRAW}", "", 2),
        (f"if self.kept is None: self.last = {DRAW}", "", 2),
        (f"self.kept = {DRAW}", "", 2),
    ],
)
def test_what_is_drawn_once(project, once, later, found):
    graph = project(PROGRAM.format(once=once, later=later))
    assert sum(len(buffer.draws) for buffer in graph.buffers) == found


MODEL = """
    import numpy as np
    import torch

    class Replay:
        def __init__(self):
            self.before = np.zeros((1000, 4))
            self.after = np.zeros((1000, 4))
            self.gains, self.choices, self.count = np.zeros(1000), np.zeros((1000, 1)), 0

        def put(self, state, action, reward, next_state):
            at = self.count % 1000
            self.before[at], self.after[at], self.gains[at], self.choices[at] = state, next_state, reward, action
            self.count += 1

        def train(self, net, optimizer, n):
            {drawn}
            {marked}
            for at in range(0, n, 64):
                rows = {read}
                loss = net.loss(self.before[rows], self.choices[rows], self.gains[rows], self.after[rows])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            return net.loss(self.before[held], self.choices[held], self.gains[held], self.after[held])

    def run(env, net, optimizer):
        replay, state = Replay(), env.reset()
        while True:
            action = net.act(state)
            next_state, reward, done = env.step(action)
            replay.put(state, action, reward, next_state)
            state = next_state
            replay.train(net, optimizer, replay.count)
"""
SHUFFLED = "held = np.random.permutation(n)[:n // 5]"
HELD = "held = np.random.choice(n, size=n // 5)"


@pytest.mark.parametrize(
    ("drawn", "marked", "read", "found"),
    [
        (HELD, "left = np.ones(n, dtype=bool); left[held] = False; left = np.arange(n)[left]", "left[at:at + 64]", 0),
        (HELD, "out = np.zeros(n, dtype=bool); out[held] = True; left = np.arange(n)[~out]", "left[at:at + 64]", 0),
        (
            "held = np.random.permutation(n)[:n // 5]",
            "out = np.zeros(n); out[held] = 1; left = self.gains[~out]",
            "at",
            0,
        ),
        (HELD, "out = np.zeros(n, dtype=bool); out[held] = True; left = np.arange(n)[out]", "left[at:at + 64]", 1),
        (HELD, "out = np.zeros(n, dtype=bool); out[held] = True", "held", 1),
        (HELD, "out = np.zeros(n, dtype=bool); out[held] = True; self.gains = self.gains[~out]", "held", 1),
        (HELD, "out = np.zeros(n, dtype=bool); out[n:] = True; left = np.arange(n)[~out]", "held", 1),
    ],
)
def test_what_is_left_beside_what_is_drawn(project, drawn, marked, read, found):
    graph = project(MODEL.format(drawn=drawn, marked=marked, read=read))
    assert sum(len(buffer.draws) for buffer in graph.buffers) == found
