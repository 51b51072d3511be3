"""A TD error that is computed and left behind teaches nothing; weights that are changed by it do."""

import pytest

PROGRAM = """
    import random
    import numpy as np

    class Layer:
        def __init__(self, width):
            self.weights, self.last = np.zeros((width, 2)), None

        def forward(self, x):
            self.last = np.dot(x, self.weights)
            return self.last

        def shift(self, x, error):
            self.weights += 0.1 * error * x[:, None]
            return error

    class Player:
        def __init__(self):
            self.net, self.rows, self.gamma, self.mean = Layer(4), [], 0.99, 0.0

        def learn(self, n):
            if len(self.rows) < n:
                return
            for at in np.random.choice(len(self.rows), n, replace=False):
                state, action, reward, after, over = self.rows[at]
                guess = self.net.forward(state.flatten())[action]
                goal = reward if over else reward + self.gamma * np.max(self.net.forward(after.flatten()))
                error = goal - guess
                {use}
            {end}

    def play(env):
        player, state = Player(), env.reset()
        while True:
            action = random.choice([0, 1])
            after, reward, over = env.step(action)
            player.rows.append((state, action, reward, after, over))
            state = after
            player.learn(32)
"""


@pytest.mark.parametrize(
    ("use", "end"),
    [
        ("pass", ""),
        ("size = abs(error)", ""),
        ("total = error; total += error", "return"),
    ],
)
def test_what_ends_with_the_function_teaches_nothing(project, use, end):
    assert project(PROGRAM.format(use=use, end=end)).buffers == []


@pytest.mark.parametrize(
    ("use", "end"),
    [
        ("self.net.weights[:, action] += 0.1 * error * state", ""),
        ("self.net.shift(state, error)", ""),
        ("left = self.net.shift(state, error)", ""),
        ("self.mean = 0.9 * self.mean + 0.1 * error", ""),
        ("pass", "return error"),
        ("left = fit(state, error)", ""),
        ("left = self.other.fit(state, error)", ""),
    ],
)
def test_what_outlives_the_function_may_be_learnt_from(project, use, end):
    assert len(project(PROGRAM.format(use=use, end=end)).buffers) == 1
