"""Memories whose fields are named after a project's own things: what is made of a batch tells what it holds."""

import pytest

from per_audit.graph import UNIFORM

STATIONS = """
    import random
    from collections import deque

    GAMMA = 0.95

    class Past:
        def __init__(self, size):
            self.rows = deque(maxlen=size)

        def keep(self, load, action, reward, load_after):
            self.rows.append((load, action, reward, load_after))

        def some(self, n):
            return random.sample(self.rows, n)

    class Agent:
        def __init__(self, net):
            self.past, self.net, self.moves = Past(10_000), net, ["left", "right"]

        def act(self, load):
            return random.choice(self.moves)

        def step(self, load, site):
            action = self.act(load)
            reward, later = site.move(action)
            self.past.keep(load, action, reward, later)

        def learn(self):
            for load, action, reward, later in self.past.some(32):
                {target}
                self.net.fit(load, action, y)
"""


@pytest.mark.parametrize(
    ("target", "found"),
    [
        ("y = reward + GAMMA * self.net.best(later)", [UNIFORM]),
        ("y = self.net.best(later) * 0.99 + reward", [UNIFORM]),
        ("y = reward + 2 * self.net.best(later)", []),
        ("y = load + GAMMA * self.net.best(later)", []),
        ("y = reward", []),
    ],
)
def test_a_discounted_part_of_a_batch_is_of_a_next_state(project, kinds, target, found):
    assert kinds(project(STATIONS.replace("{target}", target))) == found


def test_what_a_policy_said_is_stored_in_rollouts(project, kinds):
    target = "y = reward + GAMMA * self.net.best(later)"
    text = STATIONS.replace("{target}", target).replace(
        "load, action, reward, load_after", "load, action, reward, value"
    )
    assert kinds(project(text)) == []


LOOKED_AT = """
    import random
    from collections import deque

    class Past:
        def __init__(self, size):
            self.rows = deque(maxlen=size)

        def keep(self, state, action, reward, value, done):
            self.rows.append((state, action, reward, value, done))

    def learn(past, net):
        for state, action, reward, {name}, done in random.sample(past.rows, 32):
            net.loss(state, action, reward, {name}, done).backward()

    def main(env, net):
        past, state = Past(1000), env.reset()
        past.keep(state, 0, 1.0, net.value(state), False)
        learn(past, net)
"""


@pytest.mark.parametrize(("name", "found"), [("next_state", [UNIFORM]), ("value", [])])
def test_a_field_that_is_read_as_the_next_state_is_no_estimate(project, kinds, name, found):
    assert kinds(project(LOOKED_AT.format(name=name))) == found


COLUMNS = """
    import bisect
    import numpy as np
    import torch
    import random

    class Columns:
        def __init__(self):
            self.states, self.actions, self.rewards, self.later = [], [], [], []

        def keep(self, state, action, reward, next_state):
            self.states.append(torch.tensor(state))
            self.actions.append(torch.tensor(action))
            self.rewards.append(torch.tensor(reward))
            self.later.append(torch.tensor(next_state))

        def some(self, n):
            at = np.random.choice(len(self.states), n)
            return [torch.{made}(rows)[at] for rows in (self.states, self.actions)], {rest}
"""


@pytest.mark.parametrize("made", ["stack", "tensor"])
def test_lists_are_made_arrays_before_they_are_read(project, kinds, made):
    rest = f"torch.{made}(self.rewards)[at], torch.{made}(self.later)[at]"
    assert kinds(project(COLUMNS.format(made=made, rest=rest))) == [UNIFORM]


def test_rows_that_are_put_where_they_belong_are_stored(project, kinds):
    text = """
    import bisect
    import random

    class Ranked:
        def __init__(self):
            self.rows = []

        def keep(self, state, action, reward, next_state, done):
            bisect.insort(self.rows, (reward, state, action, next_state, done))

        def some(self, n):
            return random.sample(self.rows, n)
    """
    assert kinds(project(text)) == [UNIFORM]
