"""Draws that are all from one memory."""

import pytest

from per_audit.graph.memory.shared import also_drawn, holder, memories

RING = """
    import numpy as np

    class Base:
        def __init__(self, size):
            self.size, self.at, self.full = size, 0, False

        def batch(self, n):
            chosen = np.random.randint(0, self.size if self.full else self.at, size=n)
            return self.rows_at(chosen)

    class Ring(Base):
        def __init__(self, size):
            super().__init__(size)
            self.states, self.rewards, self.following = np.zeros((size, 3)), np.zeros(size), np.zeros((size, 3))

        def add(self, state, reward, next_state):
            self.states[self.at], self.rewards[self.at], self.following[self.at] = state, reward, next_state
            self.at = (self.at + 1) % self.size
            self.full = self.full or self.at == 0

        def batch(self, n):
            if not self.full:
                return super().batch(n)
            chosen = (np.random.randint(1, self.size, size=n) + self.at) % self.size
            return self.rows_at(chosen)

        def rows_at(self, chosen):
            return self.states[chosen], self.rewards[chosen], self.following[chosen]

    def learn(net, ring):
        net.fit(ring.batch(32))

    ring = Ring(9_000)
    learn(make(), ring)
"""
CHOICE = """
    import random
    from collections import deque

    class Store:
        def __init__(self):
            self.rows, self.rest = deque(maxlen=900), deque(maxlen=900)

        def put(self, state, action, reward, next_state, done):
            rows = self.rows if action else {other}
            rows.append((state, action, reward, next_state, done))

        def plain(self, n):
            {plain}

        def turned(self, n):
            return [turn(row) for row in random.sample(self.rows, n)]

    def learn(net, store, turns):
        net.fit(store.turned(32) if turns else store.plain(32))

    store = Store()
    learn(make(), store, ask())
"""


def _lines(graph, buffers):
    return [graph.place(buffer.path, buffer.draws[0]).line for buffer in buffers]


def test_a_base_that_stores_nothing_draws_for_its_heir(project):
    graph = project(RING)
    (group,) = memories(graph)
    assert _lines(graph, group) == [9, 25]
    assert graph.name_of(holder(graph, group)) == "Ring"


def test_a_base_that_stores_for_itself_is_a_memory_of_its_own(project):
    kept = "self.rows_at(chosen)\n\n        def put(self, reward):\n            self.rewards[self.at] = reward\n"
    graph = project(RING.replace("self.rows_at(chosen)\n", kept, 1))
    assert [_lines(graph, group) for group in memories(graph)] == [[9], [28]]


@pytest.mark.parametrize(
    ("other", "plain", "lines"),
    [
        ("self.rows", "return random.sample(self.rows, n)", [[14, 17]]),
        ("self.rest", "return random.sample(self.rest, n)", [[14], [17]]),
        ("self.rest", "return random.sample(self.rows, n // 2) + random.sample(self.rest, n // 2)", [[14, 14, 17]]),
    ],
)
def test_methods_that_draw_from_one_container(project, other, plain, lines):
    graph = project(CHOICE.replace("{other}", other).replace("{plain}", plain))
    assert [_lines(graph, group) for group in memories(graph)] == lines


def test_further_places_are_told(project):
    graph = project(RING)
    ((first, *others),) = memories(graph)
    assert also_drawn(graph, []) == ("", ())
    text, (link,) = also_drawn(graph, others)
    assert text == ", and at main.py:25"
    assert (link.role, link.place.line) == ("drawn", 25)
    assert also_drawn(graph, [first] * 5)[0] == ", and at main.py:9 and main.py:9 and main.py:9 and 2 more places"
