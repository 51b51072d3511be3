"""Goals are drawn to be aimed at: that is no batch of transitions."""

import pytest

PROGRAM = """
    import random

    import numpy as np

    class Reached:
        def __init__(self, size, width):
            self.table = {{"goals": np.zeros((size, width)), "rows": np.zeros((size, width))}}
            self.size, self.count = size, 0

        def extend(self, rows):
            for row in rows:
                at = self.count % self.size
                self.table["goals"][at] = row
                self.table["rows"][at] = row
                self.count += 1

        def some(self, n):
            at = np.random.randint(min(self.count, self.size), size=n)
            {read}

    def train(env, net, steps):
        reached = Reached(1000, 3)
        for _ in range(steps):
            goal = reached.some(1)[0]
            state, done = env.reset(goal), False
            steps = []
            while not done:
                action = net.act(np.concatenate([state, goal]))
                next_state, reward, done = env.step(action)
                steps.append((np.concatenate([state, goal]), action, reward, next_state, done))
                state = next_state
            reached.extend(steps)
            for states, actions, rewards, after, over in reached.some(32):
                net.fit(states, rewards + 0.99 * (1 - over) * net.predict(after))
"""


@pytest.mark.parametrize(
    ("read", "found"),
    [
        ('return self.table["goals"][at].copy()', 0),
        ('goals = self.table["goals"][: self.count].copy()\n            return goals[at]', 0),
        ('return self.table["rows"][at]', 1),
        ('return np.hstack([self.table["goals"][at], self.table["rows"][at]])', 1),
    ],
)
def test_one_field_of_a_table_that_is_called_goals(project, read, found):
    assert len(project(PROGRAM.format(read=read)).buffers) == found
