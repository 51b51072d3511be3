"""States that are drawn once, to look at an agent by, are no batch that anything learns from."""

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
