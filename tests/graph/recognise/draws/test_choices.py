"""Actions that are tried out, and settings that are looked for, are drawn from no memory."""

import pytest

from per_audit.facts import extract
from per_audit.graph import UNIFORM
from per_audit.graph.recognise.draws.choices import is_choice, is_table

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


WALK = """
    import random
    from collections import deque, namedtuple

    Move = namedtuple("Move", ["state", "action", "reward", "next_state"])

    class Field:
        def __init__(self):
            self.at, self.ways = 0, {ways}

        def view(self):
            return [self.at]

        def go(self, way):
            self.at += self.ways[way]
            return self.state(), -self.at, self.at < 9

        def state(self):
            return [self.at]

    class Walker:
        def __init__(self, field, net):
            self.field, self.net, self.moves = field, net, deque(maxlen=5000)

        def choose(self, state):
            return random.choices([0, 1, 2], weights=self.net(state))[0]

        def walk(self):
            state = self.field.view()
            action = self.choose(state)
            next_state, reward, _ = self.field.go(action)
            self.moves.append(Move(state, action, reward, next_state))

        def learn(self):
            self.choose([0])
            for state, action, reward, next_state in random.sample(self.moves, 32):
                self.net.fit(state, action, reward + 0.9 * self.net(next_state).max())

    walker = Walker(Field(), Net())
    for _ in range(9999):
        walker.walk()
        walker.learn()
"""


@pytest.mark.parametrize("ways", ["{0: 1, 1: -1, 2: 0}", "[1, -1, 0]", "((1, 0), (0, -1))"])
def test_what_a_move_means_is_looked_up_in_a_table_and_not_in_a_memory(project, kinds, ways):
    assert kinds(project(WALK.replace("{ways}", ways))) == [UNIFORM]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("{0: [0, 1], 1: [0, -1]}", True),
        ("[(1, 2), 3]", True),
        ("[]", False),
        ("{'rows': []}", False),
        ("[first, 2]", False),
        ("[0] * n", False),
        ("[None, None]", False),
        ("{0: [0, 0], 1: [0, 0]}", False),
        ("{0: [], 1: [1, 2]}", False),
    ],
)
def test_a_table_is_written_out_in_constants(written, expected):
    (statement,) = extract("x.py", written.encode()).body
    assert is_table(statement.value) == expected


RECALL = """
    import random

    import numpy as np


    class Past:
        def __init__(self):
            self.rows = []

        def add(self, state, action, reward, next_state, done):
            self.rows.append((state, action, reward, next_state, done))

        def one(self, net):
            if random.random() < 0.1:
                {drawn}
            else:
                {other}
            return self.rows[at]


    def train(env, net, steps):
        past, state = Past(), env.reset()
        for _ in range(steps):
            action = net.act(state)
            next_state, reward, done, _ = env.step(action)
            past.add(state, action, reward, next_state, done)
            state, action, reward, next_state, done = past.one(net)
            net.loss(state, action, reward, next_state, done).backward()
            net.optimizer.step()
"""
ONE = "at = random.randrange(len(self.rows))"


@pytest.mark.parametrize(
    ("drawn", "other", "found"),
    [
        (ONE, "at = int(np.argmax([net.value(row[0]) for row in self.rows]))", 0),
        (ONE, "values = np.array([net.value(row[0]) for row in self.rows]); at = values.argmax().item()", 0),
        (ONE, "at = len(self.rows) - 1", 1),
        (f"{ONE}; net.seen += 1", "at = -1; net.best = int(np.argmax([row[2] for row in self.rows]))", 1),
    ],
)
def test_what_is_tried_in_place_of_the_best_is_no_draw_from_a_memory(project, drawn, other, found):
    assert len(project(RECALL.format(drawn=drawn, other=other)).buffers) == found
