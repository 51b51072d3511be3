"""Actions that are tried out, and settings that are looked for, are drawn from no memory."""

import pytest

from per_audit.graph.recognise.draws.choices import is_choice

PROGRAM = """
    import numpy as np


    class Store:
        def __init__(self, size, n_actions, env):
            self.rows, self.size, self.n_actions, self.env = [], size, n_actions, env
            self.actions, self.count = [], 0

        def add(self, state, action, reward, next_state, done):
            self.rows.append((state, action, reward, next_state, done))
            self.rows = self.rows[-self.size:]
            self.actions.append(action)

        def some(self, n):
            return [self.rows[i] for i in {draw}]


    def train(env, net, steps):
        store, state = Store(1000, 4, env), env.reset()
        for _ in range(steps):
            action = net.act(state)
            next_state, reward, done, _ = env.step(action)
            store.add(state, action, reward, next_state, done)
            net.loss(store.some(32)).backward()
            net.optimizer.step()
"""


@pytest.mark.parametrize(
    ("draw", "found"),
    [
        ("np.random.randint(self.n_actions, size=n)", 0),
        ("np.random.randint(0, high=self.env.action_space.n, size=n)", 0),
        ("np.random.choice(self.n_actions - 1, n)", 0),
        ("np.random.randint(len(self.rows), size=n)", 1),
        ("np.random.randint(0, len(self.actions), n)", 1),
        ("np.random.randint(self.size, size=n)", 1),
    ],
)
def test_numbers_of_actions_are_no_positions_in_a_memory(project, draw, found):
    assert len(project(PROGRAM.format(draw=draw)).buffers) == found


@pytest.mark.parametrize(
    ("draw", "expected"),
    [
        ('np.random.choice(["plain", "wide"], size=n)', True),
        ("random.choice([0, -1])", True),
        ("random.sample((1, 2, 3), n)", True),
        ("np.random.choice([one, two], size=n)", False),
        ("random.sample([*rows], n)", False),
        ("random.sample([], n)", False),
        ("random.sample(rows, n)", False),
    ],
)
def test_constants_that_are_spelt_out_are_no_memory(project, draw, expected):
    graph = project(f"import random\nimport numpy as np\ndef some(rows, one, two, n):\n    return {draw}\n")
    assert [is_choice(each) for each in graph.events.draws.values()] == [expected]
