"""Containers that shift beside containers that stay."""

import pytest

MEMORY = """
    from collections import deque
    import numpy as np

    class Memory:
        def __init__(self, size):
            self.rows, self.mass, self.size, self.at = [None] * size, np.zeros(size), size, 0

        def push(self, state, action, reward, next_state, done):
            self.rows[self.at] = (state, action, reward, next_state, done)
            self.mass[self.at] = 1.0
            self.at = (self.at + 1) % self.size

        def sample(self, n):
            p = np.array(self.mass) / np.sum(self.mass)
            at = np.random.choice(len(p), n, p=p)
            return [self.rows[i] for i in at], at, (len(p) * p[at]) ** -0.5

        def update(self, at, errors):
            for i, error in zip(at, errors):
                self.mass[i] = abs(error) + 1e-6
"""
ROWS = ("self.rows[self.at] = (state, action, reward, next_state, done)", "self.mass[self.at] = 1.0")
ADDED = "self.rows.append((state, action, reward, next_state, done))", "self.mass.append(1.0)"


def changed(*pairs):
    text = MEMORY
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new)
    return text


@pytest.fixture
def parted(project):
    from per_audit.graph.memory.shifts import parted

    def ask(text):
        graph = project(text)
        (buffer,) = graph.buffers
        found = parted(graph.anatomy(buffer))
        return None if found is None else (graph.source("main.py", found[0].node), found[2])

    return ask


def test_two_rings_do_not_part(parted):
    assert parted(MEMORY) is None


def test_a_bounded_deque_of_transitions_shifts(parted):
    text = changed(("[None] * size,", "deque(maxlen=size),"), (ROWS[0], ADDED[0]))
    assert parted(text) == ("self.rows.append((state, action, reward, next_state, done))", True)


def test_a_bounded_deque_of_priorities_shifts(parted):
    text = changed(("np.zeros(size)", "deque(maxlen=size)"), (ROWS[1], ADDED[1]))
    assert parted(text) == ("self.mass.append(1.0)", False)


@pytest.mark.parametrize(
    ("evict", "made"),
    [
        ("self.rows.pop(0)", "[]"),
        ("del self.rows[0]", "[]"),
        ("del self.rows[:1]", "[]"),
        ("self.rows.popleft()", "deque()"),
    ],
)
def test_evictions_of_the_first_item_shift(parted, evict, made):
    cut = f"{ADDED[0]}\n            if len(self.rows) > self.size:\n                {evict}"
    assert parted(changed(("[None] * size,", f"{made},"), (ROWS[0], cut))) == (evict, True)


@pytest.mark.parametrize("evict", ["self.rows.pop()", "self.rows.pop(self.at)", "del self.rows[-1]"])
def test_other_evictions_are_not_judged(parted, evict):
    cut = f"{ADDED[0]}\n            if len(self.rows) > self.size:\n                {evict}"
    assert parted(changed(("[None] * size,", "[],"), (ROWS[0], cut))) is None


def test_a_deque_without_a_limit_does_not_shift(parted):
    assert parted(changed(("[None] * size,", "deque(),"), (ROWS[0], ADDED[0]))) is None


def test_both_shift_together(parted):
    both = changed(
        ("[None] * size,", "deque(maxlen=size),"),
        (ROWS[0], ADDED[0]),
        ("np.zeros(size)", "deque(maxlen=size)"),
        (ROWS[1], ADDED[1]),
    )
    assert parted(both) is None


def test_a_position_that_is_made_of_a_pointer_is_not_judged(parted):
    text = changed(
        ("[None] * size,", "deque(maxlen=size),"),
        (ROWS[0], ADDED[0]),
        ("self.rows[i] for", "self.rows[(i - self.at) % self.size] for"),
    )
    assert parted(text) is None


def test_priorities_that_are_made_anew_are_not_judged(parted):
    text = changed(
        ("[None] * size,", "deque(maxlen=size),"),
        (ROWS[0], ADDED[0] + "\n            self.mass = np.roll(self.mass, -1)"),
    )
    assert parted(text) is None
