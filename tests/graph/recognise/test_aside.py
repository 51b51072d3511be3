"""Memories that are no finding are known all the same, with what is special about them."""

import pytest

from per_audit.graph.recognise.aside import DATA_SET, RECENT, SEQUENCES, SWITCHED, set_aside


@pytest.fixture
def aside(project):
    """What is set aside in a file, as why, name and line."""

    def find(text):
        graph = project(text)
        return [(each.why, each.name, graph.place(each.path, each.node).line) for each in set_aside(graph)], graph

    return find


SWITCH = """
import random
from collections import deque

import numpy as np


class Plain:
    def __init__(self):
        self.rows = deque(maxlen=1000)

    def add(self, state, action, reward, next_state, done):
        self.rows.append((state, action, reward, next_state, done))

    def sample(self, n):
        return random.sample(self.rows, n)


class Preferring(Plain):
    def __init__(self):
        super().__init__()
        self.priorities = np.ones(1000)

    def sample(self, n):
        p = self.priorities[: len(self.rows)]
        slots = np.random.choice(len(self.rows), n, p=p / p.sum())
        return [self.rows[i] for i in slots], slots

    def update(self, slots, errors):
        self.priorities[slots] = abs(errors) + 1e-6


def make(settings):
    memory = Preferring() if settings.by_error else Plain()
    memory.add(0, 0, 1.0, 1, False)
    return memory.sample(8)
"""


def test_draws_in_whose_place_a_setting_has_draws_by_priority(aside):
    found, graph = aside(SWITCH)
    assert found == [(SWITCHED, "Plain", 16)]
    (each,) = set_aside(graph)
    assert graph.name_of(each.other) == "Preferring"


NEWEST = """
from collections import deque


class Memory:
    def __init__(self):
        self.rows = deque(maxlen=1000)

    def put(self, state, action, reward, next_state, done):
        self.rows.append((state, action, reward, next_state, done))

    def sample(self, n):
        return list(self.rows)[-n:]
"""
COUNTED = """
class Agent:
    def __init__(self):
        self.rows = []

    def learn(self, n):
        batch = []
        count = len(self.rows)
        for i in range(count - n + 1, count):
            batch.append(self.rows[i])
        for state, action, reward, next_state, done in batch:
            self.model.fit(state, reward)
"""


def test_the_newest_ones_in_order(aside):
    assert aside(NEWEST)[0] == [(RECENT, "Memory", 13)]
    assert aside(COUNTED)[0] == [(RECENT, "Agent", 10)]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("[-n:]", "[-5:]"),  # a window of five, no batch
        ("[-n:]", "[:n]"),
        ("(state, action, reward, next_state, done))", "(state, action))"),
        ("(state, action, reward, next_state, done))", "(state, action, reward, log_prob, next_state))"),
        ("        return list(", "        self.rows.clear()\n        return list("),  # a rollout
        ("        return list(", "        import random\n        random.sample(self.rows, n)\n        return list("),
    ],
)
def test_what_is_no_memory_read_from_its_end(aside, old, new):
    assert old in NEWEST
    assert not [each for each in aside(NEWEST.replace(old, new))[0] if each[0] == RECENT]


def test_a_loop_from_another_place_is_not_the_newest_ones(aside):
    assert aside(COUNTED.replace("range(count - n + 1, count)", "range(count - 1, count)"))[0] == []
    assert aside(COUNTED.replace("range(count - n + 1, count)", "range(count - n, n)"))[0] == []


ITEMS = """
import random
from collections import deque


class Replay:
    def __init__(self):
        self.parts = deque(maxlen=1000)

    def put(self, part):
        self.parts.append(part)

    def sample(self, n):
        states, actions, rewards, ends = [], [], [], []
        for part in random.sample(self.parts, n):
            for step in part:
                state, action, reward, probability, done = step
                states.append(state)
                actions.append([action])
                rewards.append(reward)
                ends.append(done)
        return states, actions, rewards, ends
"""


def test_sequences_of_steps(aside):
    assert aside(ITEMS)[0] == [(SEQUENCES, "Replay", 15)]


LOADED = """
import numpy as np
from torch.utils.data import IterableDataset


class Stored(IterableDataset):
    def __init__(self, files):
        self.files = files

    def _one(self):
        episode = np.load(self.files[0])
        at = np.random.randint(0, 1000) + 1
        return episode["observation"][at - 1], episode["action"][at], episode["reward"][at]

    def __iter__(self):
        while True:
            yield self._one()
"""


def test_data_sets_that_draw_by_themselves(aside):
    assert aside(LOADED)[0] == [(DATA_SET, "Stored", 12)]
    assert aside(LOADED.replace('episode["reward"]', 'episode["label"]'))[0] == []
    assert aside(LOADED.replace("np.random.randint(0, 1000) + 1", "1"))[0] == []
    assert aside(LOADED.replace("(IterableDataset)", ""))[0] == []
