"""Draws that are not spelt as such: random fractions of a size, and what is shuffled before a part of it is taken."""

import pytest

from per_audit.graph import PRIORITISED, UNIFORM

RING = """
    import math
    import random
    import numpy as np
    import torch


    class Ring:
        def __init__(self, size):
            self.states, self.later = np.zeros((size, 4)), np.zeros((size, 4))
            self.actions, self.rewards, self.ends = np.zeros(size), np.zeros(size), np.zeros(size)
            self.size, self.count = size, 0

        def add(self, state, action, reward, next_state, done):
            at = self.count % self.size
            self.states[at], self.later[at], self.actions[at] = state, next_state, action
            self.rewards[at], self.ends[at] = reward, done
            self.count += 1

        def sample(self, n):
            m = min(self.count, self.size)
            {draw}
            return self.states[at], self.actions[at], self.rewards[at], self.later[at], self.ends[at]
"""
ROWS = """
    import itertools
    import random
    import numpy as np


    class Rows:
        def __init__(self):
            self.rows = []

        def add(self, state, action, reward, next_state, done):
            self.rows.append((state, action, reward, next_state, done))
            if len(self.rows) > 1000:
                self.rows.pop(0)

        def sample(self, n):
            {draw}
"""


@pytest.mark.parametrize(
    "draw",
    [
        "at = (np.random.rand(n) * m).astype(int)",
        "at = (m * np.random.random(size=n)).astype('int64')",
        "at = np.floor(np.random.uniform(size=n) * m).astype(np.int32)",
        "at = (torch.rand(n) * m).long()",
        "at = [int(random.random() * m) for _ in range(n)]",
        "at = np.random.uniform(0, m, n).astype(int)",
        "at = np.int32(np.random.uniform(0, m, size=n))",
        "at = np.random.uniform(low=0, high=m, size=n).astype(np.int64)",
        "at = [int(random.uniform(0, m)) for _ in range(n)]",
        "at = np.array([math.floor(random.random() * m) for _ in range(n)])",
        "at = np.arange(m); np.random.shuffle(at); at = at[:n]",
        "at = list(range(m)); random.shuffle(at); at = at[:n]",
        "at = np.arange(m); np.random.shuffle(at); at = at[0:n]",
        "at = np.arange(m); np.random.shuffle(at); at = at[-n:]",
        "at = np.random.permutation(m)[0:n]",
        "order = np.random.permutation(m); at = order[:n]",
    ],
)
def test_positions_of_a_ring(project, draw):
    graph = project(RING.format(draw=draw.replace("; ", "\n            ")))
    assert [(buffer.kind, buffer.owner.name) for buffer in graph.buffers] == [(UNIFORM, "Ring")]


@pytest.mark.parametrize(
    "draw",
    [
        "at = (np.random.rand(n) * self.rewards.sum()).astype(int)",
        "at = (np.random.rand(n) * m + 1)",
        "at = np.random.uniform(0, m, n)",
        "at = np.random.uniform(0, self.rewards.sum(), n).astype(int)",
        "at = np.random.uniform(-m, m, n).astype(int)",
        "at = np.arange(m); np.random.shuffle(at); at = at[n : 2 * n]",
        "at = np.arange(m); np.random.shuffle(at); self.test = at[:n]; at = at[n:]",
        "at = np.arange(m); np.random.shuffle(at); self.test = at[-n:]; at = at[:n]",
        "order = np.random.permutation(m); self.test = order[n:]; at = order[:n]",
    ],
)
def test_what_is_no_uniform_draw_of_positions(project, draw):
    assert project(RING.format(draw=draw.replace("; ", "\n            "))).buffers == []


@pytest.mark.parametrize(
    ("draw", "found"),
    [
        ("random.shuffle(self.rows); return self.rows[:n]", 1),
        ("rows = list(self.rows); random.shuffle(rows); return rows[:n]", 1),
        ("random.shuffle(self.rows); return self.rows[0:n]", 1),
        ("random.shuffle(self.rows); return list(self.rows)[:n]", 1),
        ("random.shuffle(self.rows); return list(self.rows)", 0),
        ("random.shuffle(self.rows); return self.rows[-n:]", 1),
        ("random.shuffle(self.rows); return list(itertools.islice(self.rows, n))", 1),
        ("random.shuffle(self.rows); return list(itertools.islice(self.rows, 0, n))", 1),
        ("random.shuffle(self.rows); return list(itertools.islice(self.rows, n, 2 * n))", 0),
        ("random.shuffle(self.rows); return self.rows[:n], self.rows[-n:]", 0),
        ("random.shuffle(self.rows); return self.rows[1:n]", 0),
        ("random.shuffle(self.rows); return [self.rows[i : i + n] for i in range(0, len(self.rows), n)]", 0),
        ("random.shuffle(self.rows); self.rows = self.rows[:n]", 0),
        ("first = self.rows[:n]; random.shuffle(self.rows); return first", 0),
        ("random.shuffle(self.rows); return self.rows[:n], self.rows[n:]", 0),
    ],
)
def test_rows_that_are_shuffled(project, draw, found):
    graph = project(ROWS.format(draw=draw.replace("; ", "\n            ")))
    assert [buffer.kind for buffer in graph.buffers] == [UNIFORM] * found


@pytest.mark.parametrize(
    "draw",
    [
        "list(WeightedRandomSampler(self.priorities, n))",
        "torch.utils.data.sampler.WeightedRandomSampler(self.priorities, n, replacement=True)",
        "next(iter(BatchSampler(WeightedRandomSampler(self.priorities, n), n, False)))",
    ],
)
def test_a_sampler_that_is_given_weights_draws_by_priority(project, draw):
    graph = project(f"""
    import torch
    from torch.utils.data import BatchSampler, WeightedRandomSampler


    class Replay:
        def __init__(self):
            self.rows, self.priorities = [], []

        def add(self, state, action, reward, next_state, done, error):
            self.rows.append((state, action, reward, next_state, done))
            self.priorities.append(abs(error))

        def sample(self, n):
            return [self.rows[i] for i in {draw}]
    """)
    assert [(buffer.kind, buffer.owner.name) for buffer in graph.buffers] == [(PRIORITISED, "Replay")]


def test_weights_of_a_data_set_are_no_memory(project):
    graph = project("""
    import torch
    from torch.utils.data import WeightedRandomSampler


    class Hard:
        def __init__(self, rows):
            self.rows, self.weights = rows, torch.zeros(len(rows))

        def __iter__(self):
            for at, (a, r, d) in enumerate(self.rows):
                self.weights[at] = (a, r, d)
            return iter(WeightedRandomSampler(self.weights, len(self.rows)))
    """)
    assert graph.buffers == []


@pytest.mark.parametrize(
    "drawn",
    [
        "np.random.rand(n) * sums[-1]",
        "np.random.uniform(0, sums[-1], n).astype(int)",
        "np.int64(np.random.uniform(0, self.priorities.sum(), n))",
    ],
)
def test_a_fraction_of_the_total_is_a_draw_by_priority(project, drawn):
    text = """
    import random
    import numpy as np


    class Replay:
        def __init__(self, size):
            self.rows, self.priorities, self.size, self.count = [None] * size, np.zeros(size), size, 0

        def add(self, state, action, reward, next_state, done):
            self.rows[self.count % self.size] = (state, action, reward, next_state, done)
            self.priorities[self.count % self.size] = self.priorities.max() or 1.0
            self.count += 1

        def sample(self, n):
            sums = np.cumsum(self.priorities)
            at = np.searchsorted(sums, (DRAWN))
            return [self.rows[i] for i in at], at

        def update(self, at, errors):
            self.priorities[at] = np.abs(errors)
    """
    assert [buffer.kind for buffer in project(text.replace("DRAWN", drawn)).buffers] == [PRIORITISED]


REFILLED = """
    import numpy as np

    class Trainer:
        def __init__(self, net, n):
            self.net, self.n, self.at = net, n, 0
            self.states, self.actions = np.zeros(n), np.zeros(n)
            self.rewards, self.dones = np.zeros(n), np.zeros(n)

        def play(self, env):
            state = env.reset()
            for t in range(self.n):
                {place}
                self.states[i], self.actions[i] = state, self.net.act(state)
                state, self.rewards[i], self.dones[i], _ = env.step(self.actions[i])

        def update(self):
            order = np.arange(self.n)
            for epoch in range(10):
                np.random.shuffle(order)
                at = order[:64]
                batch = self.states[at], self.actions[at], self.rewards[at], self.dones[at]
                self.net.loss(batch).backward()

    def main(net, env):
        trainer = Trainer(net, 2048)
        for _ in range(1000):
            trainer.play(env)
            trainer.update()
"""


@pytest.mark.parametrize(("place", "found"), [("", []), ("i = self.at = (self.at + 1) % self.n", [UNIFORM])])
def test_what_is_filled_from_the_beginning_and_then_shuffled_is_a_rollout(project, kinds, place, found):
    text = REFILLED.replace("{place}", place)
    assert kinds(project(text if place else text.replace("[i]", "[t]"))) == found
