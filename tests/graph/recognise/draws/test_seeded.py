"""What is chosen once, to be put into a memory before the training, is no batch."""

import pytest

PROGRAM = """
    import numpy as np

    class Replay:
        def __init__(self, logged):
            self.logged, self.rows = logged, []

        def put(self, state, action, reward, next_state, done):
            self.rows.append((state, action, reward, next_state, done))

        def seed(self, n, net):
            chosen = [self.rows[i] for i in np.random.choice(len(self.rows), size=n, replace=False)]
            {end}

    def train(env, net, steps):
        replay, state = Replay([]), env.reset()
        for _ in range(100):
            action = net.act(state)
            next_state, reward, done = env.step(action)
            replay.put(state, action, reward, next_state, done)
            state = next_state
        {called}
        for _ in range(steps):
            for before, choice, gain, after, over in replay.logged:
                net.fit(before, gain + 0.99 * (1 - over) * net.predict(after).max())
"""


@pytest.mark.parametrize(
    ("end", "called", "found"),
    [
        ("self.logged.extend(chosen)", "replay.seed(8, net)", 0),
        ("self.logged.extend(chosen)", "for _ in range(steps):\n            replay.seed(8, net)", 1),
        ("self.logged.extend(chosen)\n            return chosen", "replay.seed(8, net)", 1),
        ("net.fit(chosen)", "replay.seed(8, net)", 1),
    ],
)
def test_what_is_put_in_once(project, end, called, found):
    assert len(project(PROGRAM.format(end=end, called=called)).buffers) == found
