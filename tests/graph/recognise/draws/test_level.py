"""Masses that are all the same."""

import pytest

from per_audit.graph import PRIORITISED, UNIFORM

MEMORY = """
    import numpy as np

    class Memory:
        def __init__(self, size):
            self.states, self.rewards, self.following = np.zeros((size, 3)), np.zeros(size), np.zeros((size, 3))
            self.priorities, self.size, self.count = np.ones(size), size, 0

        def add(self, state, reward, next_state):
            at = self.count % self.size
            self.states[at], self.rewards[at], self.following[at] = state, reward, next_state
            self.count += 1

        def sample(self, n):
            {draw}
            return self.states[chosen], self.rewards[chosen], self.following[chosen]
"""
SUMS = "sums = np.cumsum(mass); chosen = np.searchsorted(sums, np.random.rand(n) * sums[-1])"


@pytest.mark.parametrize(
    ("draw", "kind"),
    [
        (f"mass = np.ones(self.count); {SUMS}", UNIFORM),
        (f"mass = np.full(self.count, 0.5); mass[3] = 2.0; {SUMS}", PRIORITISED),
        (f"mass = self.priorities[:self.count]; {SUMS}", PRIORITISED),
        (f"mass = np.ones(self.count) * self.priorities[:self.count]; {SUMS}", PRIORITISED),
        (f"mass = np.ones(self.count) if self.count < 9 else self.priorities; {SUMS}", PRIORITISED),
        ("mass = np.ones(self.count); chosen = np.random.choice(self.count, n, p=mass / mass.sum())", UNIFORM),
        ("chosen = np.random.choice(self.count, n, p=[1 / self.count] * self.count)", UNIFORM),
        ("count = self.count; chosen = np.random.choice(count, n, p=np.ones(count) / count)", UNIFORM),
        ("chosen = np.random.choice(self.count, n, p=[1 / self.count for _ in range(self.count)])", UNIFORM),
        ("chosen = np.random.choice(self.count, n, p=[1.0 / len(self.rewards) for _ in self.rewards])", UNIFORM),
        ("chosen = np.random.choice(self.count, n, p=(1 / self.count) * np.ones(self.count))", UNIFORM),
        (
            "mass = self.priorities; chosen = np.random.choice(self.count, n, p=[p / sum(mass) for p in mass])",
            PRIORITISED,
        ),
        ("chosen = np.random.choice(self.count, n, p=[self.priorities[i] for i in range(self.count)])", PRIORITISED),
        (
            "mass = [i + 1 for i in range(self.count)]; "
            "chosen = np.random.choice(self.count, n, p=[i / sum(mass) for i in mass])",
            PRIORITISED,
        ),
        ("chosen = np.random.choice(self.count, n, p=[next(self.masses) for _ in range(self.count)])", PRIORITISED),
        ("chosen = np.random.choice(self.count, n, p=self.priorities * np.ones(self.count))", PRIORITISED),
        ("chosen = np.random.choice(self.count, n, p=[0.9, *[0.1 / self.count] * self.count])", PRIORITISED),
        ("chosen = np.random.choice(self.count, n, p=[0.6, 0.4] * self.count)", PRIORITISED),
        ("mass = self.priorities; chosen = np.random.choice(self.count, n, p=mass / mass.sum())", PRIORITISED),
    ],
)
def test_what_is_drawn_by_one_constant_is_drawn_uniformly(project, draw, kind):
    (buffer,) = project(MEMORY.format(draw=draw)).buffers
    assert buffer.kind == kind


EPISODES = """
    import random
    import numpy as np

    class Memory:
        def __init__(self):
            self.episodes, self.episode = [], []

        def add(self, state, action, reward, next_state, done):
            self.episode.append((state, action, reward, next_state, done))
            if done:
                self.episodes.append(self.episode)
                self.episode = []
                if len(self.episodes) > 100:
                    self.episodes.pop(0)

        def sample(self, n):
            {draw}
"""


@pytest.mark.parametrize(
    ("draw", "kinds"),
    [
        (
            "sizes = np.array([len(e) for e in self.episodes]); "
            "picked = np.random.choice(len(self.episodes), n, p=sizes / sizes.sum()); "
            "return [random.choice(self.episodes[i]) for i in picked]",
            [UNIFORM],
        ),
        (
            "picked = random.choices(self.episodes, weights=[len(e) for e in self.episodes], k=n); "
            "return [e[np.random.randint(len(e))] for e in picked]",
            [UNIFORM],
        ),
        (
            "picked = random.choices(self.episodes, weights=[len(e) ** 2 for e in self.episodes], k=n); "
            "return [e[np.random.randint(len(e))] for e in picked]",
            [PRIORITISED],
        ),
        (
            "return random.choices(self.episodes, weights=[len(e) for e in self.episodes], k=n)",
            [PRIORITISED],
        ),
    ],
)
def test_a_transition_of_each_episode_drawn_by_its_length_is_drawn_uniformly(project, draw, kinds):
    graph = project(EPISODES.format(draw=draw.replace("; ", "\n            ")))
    assert [buffer.kind for buffer in graph.buffers] == kinds
