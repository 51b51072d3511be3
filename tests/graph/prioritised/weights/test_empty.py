"""Minima over slots that were never written: what two rules make of them."""

import pytest

from per_audit.graph.prioritised.weights.empty import empty_minima
from per_audit.rule import all_rules

MEMORY = """
    import numpy as np

    class Memory:
        def __init__(self, size=50_000):
            self.rows, self.mass, self.size, self.at, self.n = [None] * size, np.zeros(size), size, 0, 0

        def add(self, state, action, reward, next_state, done):
            self.rows[self.at] = (state, action, reward, next_state, done)
            self.mass[self.at] = 1.0
            self.at = (self.at + 1) % self.size
            self.n = min(self.n + 1, self.size)

        def sample(self, n, beta):
            p = self.mass[: self.n] / self.mass[: self.n].sum()
            at = np.random.choice(self.n, n, p=p)
            least = {least}
            w = (self.n * p[at]) ** -beta / (self.n * least / self.mass[: self.n].sum()) ** -beta
            return [self.rows[i] for i in at], at, w

        def update(self, at, errors):
            self.mass[at] = np.abs(errors) + 1e-5

    def train(env, net, steps):
        memory, state = Memory(), env.reset()
        for step in range(steps):
            next_state, reward, done, _ = env.step(net.act(state))
            memory.add(state, net.last, reward, next_state, done)
            state = env.reset() if done else next_state
            rows, at, w = memory.sample(32, step / steps)
            memory.update(at, net.fit(rows, w))
"""


@pytest.mark.parametrize(
    ("least", "told"),
    [
        ("self.mass.min()", ["PER105"]),
        ("self.mass[: self.n].min()", ["PER402"]),
        ("self.mass[self.mass > 0].min()", ["PER402"]),
    ],
)
def test_a_minimum_is_told_once_as_wrong_or_as_what_it_costs(project, least, told):
    graph = project(MEMORY.format(least=least))
    (buffer,) = graph.buffers
    assert len(list(empty_minima(graph, buffer))) == told.count("PER105")
    rules = [rule for rule in all_rules() if rule.code in ("PER105", "PER402")]
    assert [finding.rule for rule in rules for finding in rule.check(graph)] == told
