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
        (f"mass = np.ones(self.count); mass[self.count - 1] = 0; {SUMS}", UNIFORM),
        (f"mass = np.ones(self.count); mass[0] = 0.0; mass[3] = 2.0; {SUMS}", PRIORITISED),
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


KEEPING = """
    import numpy as np

    class Episodes:
        def __init__(self, window):
            self.window, self.total, self.lengths = window, 0, []
            self.states, self.actions, self.rewards, self.next_states = [], [], [], []

        def add(self, states, actions, rewards, next_states):
            {length}
            self.states.append(states)
            self.actions.append(actions)
            self.rewards.append(rewards)
            self.next_states.append(next_states)
            self.lengths.append(length)
            self.total += length

        def rate(self, k, error):
            {rate}

        def sample(self, n):
            {mass}
            chosen = np.random.choice(len(self.lengths), n, p=mass / {total})
            {begin}
            states = [self.states[chosen[i]][begin[i] : begin[i] + self.window] for i in range(n)]
            actions = [self.actions[chosen[i]][begin[i] : begin[i] + self.window] for i in range(n)]
            rewards = [self.rewards[chosen[i]][begin[i] : begin[i] + self.window] for i in range(n)]
            following = [self.next_states[chosen[i]][begin[i] : begin[i] + self.window] for i in range(n)]
            return np.array(states), np.array(actions), np.array(rewards), np.array(following)
"""
SHARE = "begin = (np.random.random(n) * np.array(self.lengths)[chosen]).astype(int)"
KEPT = {
    "length": "length = len(actions) - self.window + 1",
    "rate": "pass",
    "mass": "mass = np.array(self.lengths)",
    "total": "self.total",
    "begin": SHARE,
}


@pytest.mark.parametrize(
    ("other", "kind"),
    [
        ({}, UNIFORM),
        ({"total": "mass.sum()"}, UNIFORM),
        ({"length": "length = len(actions)"}, UNIFORM),
        ({"length": "length = actions.shape[0] - self.window"}, UNIFORM),
        ({"rate": "self.lengths[k] = abs(error)"}, PRIORITISED),
        ({"length": "length = sum(rewards)"}, PRIORITISED),
        ({"length": "length = len(actions) + abs(sum(rewards))"}, PRIORITISED),
        ({"length": "length = len(actions) - rewards.min()"}, PRIORITISED),
        ({"begin": "begin = [0] * n"}, PRIORITISED),
        ({"mass": "mass = np.array(self.lengths) ** 0.5"}, PRIORITISED),
    ],
)
def test_steps_of_episodes_that_are_drawn_by_lengths_kept_beside_them_are_drawn_uniformly(project, other, kind):
    (buffer,) = project(KEEPING.format(**KEPT | other)).buffers
    assert buffer.kind == kind


COUNTED = """
    import random

    class Episodes:
        def __init__(self):
            self.episodes, self.masses, self.episode, self.total = [], [], [], 0

        def add(self, state, action, reward, next_state, done):
            self.episode.append((state, action, reward, next_state, done))
            if done:
                {count}
                self.episodes.append(self.episode)
                self.masses.append(len(self.episode) + abs(reward))
                self.episode = []

        def sample(self, n):
            rows = []
            for _ in range(n):
                at = random.randrange(self.total)
                {step}
            return zip(*rows)

    def train(env, net, optimizer):
        held, state = Episodes(), env.reset()
        while True:
            action = net.act(state)
            next_state, reward, done, _ = env.step(action)
            held.add(state, action, reward, next_state, done)
            state = env.reset() if done else next_state
            states, actions, rewards, next_states, dones = held.sample(32)
            loss = net.loss(states, actions, rewards, next_states, dones)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
"""
BY_LENGTH = """for episode in self.episodes:
                    if at < len(episode):
                        rows.append(episode[at])
                        break
                    at -= len(episode)"""
BY_MASS = """for k in range(len(self.episodes)):
                    if at < self.masses[k]:
                        rows += self.episodes[k]
                        break
                    at -= self.masses[k]"""


@pytest.mark.parametrize(
    ("count", "step", "kind"),
    [
        ("self.total += len(self.episode)", BY_LENGTH, UNIFORM),
        ("self.total = self.total + len(self.episode)", BY_LENGTH, UNIFORM),
        ("self.total += len(self.episode) + abs(reward)", BY_MASS, PRIORITISED),
    ],
)
def test_a_total_that_counts_steps_is_no_sum_of_priorities(project, count, step, kind):
    (buffer,) = project(COUNTED.format(count=count, step=step)).buffers
    assert buffer.kind == kind
