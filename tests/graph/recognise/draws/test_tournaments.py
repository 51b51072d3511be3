"""Of a few candidates the best is kept: they were no batch."""

import pytest

PROGRAM = """
    import random

    class Replay:
        def __init__(self):
            self.rows = []

        def put(self, state, action, reward, next_state, done):
            self.rows.append((state, action, reward, next_state, done))

        def one(self, rate, net):
            few = random.sample(self.rows, 4)
            {kept}

    def learn(net, row):
        state, action, reward, next_state, done = row
        net.fit(state, reward + 0.99 * (1 - done) * net.predict(next_state).max())

    def train(env, net, rate, steps):
        replay, state = Replay(), env.reset()
        for _ in range(steps):
            action = net.act(state)
            next_state, reward, done = env.step(action)
            replay.put(state, action, reward, next_state, done)
            state = next_state
            for row in replay.one(rate, net):
                learn(net, row)
"""
LOOP = """best, kept = float("-inf"), None
            for row in few:
                value = rate(row)
                if value > best:
                    best = value
                    kept = row
            return [kept]"""
COUNTED = """best, kept = float("-inf"), None
            for i in range(4):
                value = rate(few[i])
                if value > best:
                    kept = few[i]
                    best = value
            return [kept]"""


@pytest.mark.parametrize(
    ("kept", "found"),
    [
        ("return few", 1),
        (LOOP, 0),
        (COUNTED, 0),
        ("return [max(few, key=rate)]", 0),
        (LOOP.replace("[kept]", "few"), 1),
        (LOOP.replace("value = rate(row)", "value = learn(net, row)"), 1),
        (LOOP.replace("kept = row", "kept = 1").replace("[kept]", "self.rows"), 1),
    ],
)
def test_the_best_of_a_few(project, kept, found):
    assert len(project(PROGRAM.format(kept=kept)).buffers) == found
