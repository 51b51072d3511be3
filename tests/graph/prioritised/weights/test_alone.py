"""An exponent that is of the number of transitions alone."""

import pytest

from per_audit.graph.prioritised.weights.alone import raised_alone

PROGRAM = """
    import numpy as np

    class Memory:
        def __init__(self, capacity):
            self.rows, self.mass, self.at = [None] * capacity, np.zeros(capacity), 0

        def add(self, state, action, reward, next_state, done):
            self.rows[self.at], self.mass[self.at] = (state, action, reward, next_state, done), 1.0
            self.at = (self.at + 1) % len(self.rows)

        def sample(self, n, beta):
            p = self.mass / self.mass.sum()
            slots = np.random.choice(len(self.rows), n, p=p)
            weights = {weights}
            return [self.rows[i] for i in slots], slots, weights / weights.max()

        def update(self, slots, errors):
            self.mass[slots] = errors

    def train(env, net, optimizer):
        memory = Memory(1000)
        while True:
            memory.add(*env.transition())
            rows, slots, weights = memory.sample(32, 0.4)
            errors = net.errors(rows)
            (weights * errors ** 2).mean().backward()
            optimizer.step()
            memory.update(slots, errors)
"""


@pytest.mark.parametrize(
    ("weights", "told"),
    [
        ("p[slots] * len(self.rows) ** -beta", True),
        ("len(self.rows) ** (-beta) * p[slots]", True),
        ("(p[slots]) * (len(self.rows) ** -beta)", True),
        ("(p[slots] * len(self.rows)) ** -beta", False),
        ("p[slots] ** -beta * len(self.rows) ** -beta", False),
        ("1 / p[slots] * len(self.rows) ** -beta", False),
        ("np.ones(n) * len(self.rows) ** -beta", False),
        ("p[slots] * len(self.rows) ** beta", False),
    ],
)
def test_a_power_binds_closer_than_a_product(project, weights, told):
    graph = project(PROGRAM.format(weights=weights))
    (buffer,) = graph.weighted
    made = graph.weights(buffer)
    found = [product for weight in made.all if (product := raised_alone(made, weight)) is not None]
    assert [graph.source("main.py", product) for product in found] == ([weights] if told else [])
