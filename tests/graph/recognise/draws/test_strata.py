"""Draws of one position in each stratum of ranks."""

import pytest

from per_audit.graph import PRIORITISED, UNIFORM

RANKED = """
    import random
    import numpy as np

    class Past:
        def __init__(self, size, heap, parts):
            self.size, self.heap, self.at, self.parts = size, heap, 0, parts
            self.states, self.later = np.zeros((size, 4)), np.zeros((size, 4))
            self.actions, self.rewards, self.ends = np.zeros(size), np.zeros(size), np.zeros(size)
            self.p = np.arange(1, size + 1) ** -0.7
            self.p /= self.p.sum()
            sums, last = np.cumsum(self.p), 0
            self.bounds = []
            for part in range(parts):
                while sums[last] < part / parts:
                    last += 1
                self.bounds.append(last)
            self.bounds.append(size)

        def add(self, state, action, reward, next_state, done):
            self.states[self.at], self.actions[self.at], self.later[self.at] = state, action, next_state
            self.rewards[self.at], self.ends[self.at] = reward, done
            self.heap.update(self.at, self.heap.largest())
            self.at = (self.at + 1) % self.size

        def update(self, at, errors):
            for i, error in zip(at, errors):
                self.heap.update(i, abs(error))

        def sample(self, beta):
            ranks = []
            for part in range(self.parts):
                {drawn}
            i = self.heap.positions(ranks)
            {weights}
            return self.states[i], self.actions[i], self.rewards[i], self.later[i], self.ends[i], i, w

    def train(env, net, heap):
        past, state = Past(1000, heap, 32), env.reset()
        for step in range(9000):
            action = net.act(state)
            next_state, reward, done, _ = env.step(action)
            past.add(state, action, reward, next_state, done)
            state = env.reset() if done else next_state
            s, a, r, s2, ends, at, w = past.sample(step / 9000)
            errors = r + 0.99 * (1 - ends) * net.best(s2) - net.of(s, a)
            (errors ** 2 * w).mean().backward()
            past.update(at, errors)
"""
WITHIN = "ranks.append(random.randint(self.bounds[part], self.bounds[part + 1] - 1))"
WIDTH = """width = self.bounds[part + 1] - self.bounds[part]
                ranks.append(self.bounds[part] + np.random.choice(width))"""
WEIGHTS = """w = (np.array([self.p[rank] for rank in ranks]) * self.size) ** -beta
            w /= w.max()"""


@pytest.mark.parametrize(
    ("drawn", "weights", "found"),
    [
        (WITHIN, WEIGHTS, [PRIORITISED]),
        (WIDTH, WEIGHTS, [PRIORITISED]),
        (WITHIN.replace("part + 1", "part - 1"), WEIGHTS, [PRIORITISED]),
        (WITHIN, "w = np.ones(len(ranks))", [PRIORITISED]),
        ("ranks.append(random.randint(0, self.size - 1))", WEIGHTS, [UNIFORM]),
        ("ranks.append(random.randint(self.bounds[part], self.at))", WEIGHTS, []),
    ],
)
def test_ranks_are_drawn_between_bounds_that_follow_each_other(project, kinds, drawn, weights, found):
    assert kinds(project(RANKED.replace("{drawn}", drawn).replace("{weights}", weights))) == found


UNWEIGHTED = RANKED.replace("{weights}", "w = np.ones(len(ranks))")
LAW = """self.p = np.arange(1, size + 1) ** -0.7
"""
LAWS = [
    "self.p = np.array([(1.0 / (i + 1)) ** 0.7 for i in range(size)])\n",
    "self.p = np.array(list(map(lambda rank: pow(rank, -0.7), range(1, size + 1))))\n",
    "self.p = np.power(np.arange(1, size + 1), -0.7)\n",
    """self.p = np.zeros(size)
            for i in range(size):
                rank = i + 1
                self.p[i] = pow(1 / float(rank), 0.7)
""",
]
NO_LAWS = [
    "self.p = np.ones(size)\n",
    "self.p = np.array([0.99 ** -i for i in range(size)])\n",
    "self.p = np.array([i ** 2 for i in range(size)])\n",
    "self.p = np.array([(1 / width) ** 0.5 for i, width in heap.widths()])\n",
]


@pytest.mark.parametrize(("law", "found"), [*((law, [PRIORITISED]) for law in LAWS), *((law, []) for law in NO_LAWS)])
def test_without_weights_a_law_of_ranks_tells_what_the_strata_are(project, kinds, law, found):
    """Other bounds may be those of episodes, of each of which a step is drawn."""
    assert kinds(project(UNWEIGHTED.replace(LAW, law).replace("{drawn}", WITHIN))) == found


@pytest.mark.parametrize(("last", "found"), [("low = high", [PRIORITISED]), ("low = high // 2", [UNIFORM])])
def test_a_bound_that_becomes_the_next_one_follows_it(project, kinds, last, found):
    loop = """low = 0
            for high in self.bounds[1:]:
                ranks.append(np.random.randint(low, high))
                """
    whole = """for part in range(self.parts):
                {drawn}"""
    assert kinds(project(UNWEIGHTED.replace(whole, loop + last))) == found
