"""Smallest priorities that are kept in an attribute: which of them no smaller priority gets into."""

import pytest

from per_audit.graph.prioritised.weights.least import stale_minima

MEMORY = """
    import math
    import numpy as np

    class Memory:
        def __init__(self, size=1000, eps=1e-5, first=1.0):
            self.rows, self.mass, self.size, self.at, self.n = [None] * size, np.zeros(size), size, 0, 0
            self.top, self.eps, self.alpha, self.first = 1.0, eps, 0.6, first
            self.least = {start}

        def add(self, state, action, reward, next_state, done):
            self.rows[self.at] = (state, action, reward, next_state, done)
            p = {new}
            self.mass[self.at] = p
            {stored}
            self.at = (self.at + 1) % self.size
            self.n = min(self.n + 1, self.size)

        def lower(self, p):
            self.least = min(self.least, p)

        def sample(self, n, beta):
            total = self.mass[: self.n].sum()
            at = np.random.choice(self.n, n, p=self.mass[: self.n] / total)
            most = (self.n * {least} / total) ** -beta
            w = (self.n * self.mass[at] / total) ** -beta / most
            return [self.rows[i] for i in at], at, w{over}

        def update(self, at, errors):
            self.mass[at] = {updated}
            {after}

    def train(env, net, steps):
        memory, state = Memory(), env.reset()
        for step in range(steps):
            next_state, reward, done, _ = env.step(net.act(state))
            memory.add(state, net.last, reward, next_state, done)
            state = env.reset() if done else next_state
            rows, at, w = memory.sample(32, step / steps)
            errors = net(rows)
            (w * errors**2).mean().backward()
            memory.update(at, errors.detach().numpy())
"""
PLAIN = {
    "start": "math.inf",
    "new": "self.top",
    "stored": "self.least = min(self.least, p)",
    "least": "self.least",
    "over": "",
    "updated": "(np.abs(errors) + self.eps) ** self.alpha",
    "after": "self.top = max(self.top, self.mass[at].max())",
}
WRITTEN = "if self.least > p:\n                self.least = p"
ENTERED = "if p < self.least:\n                self.least = p"


def kept(project, **changes):
    graph = project(MEMORY.format_map({**PLAIN, **changes}))
    (buffer,) = graph.buffers
    return [(each.name, each.updated is None) for each in stale_minima(graph.weights(buffer))]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"start": "1.0"},
        {"start": "float('inf')"},
        {"start": "np.inf"},
        {"start": "self.first"},
        {"stored": WRITTEN},
        {"stored": ENTERED},
        {"stored": "self.lower(p)"},
        {"new": "1.0"},
        {"new": "float(self.first)"},
        {"new": "max(self.top, self.eps)"},
        {"new": "self.top\n            if p == 0:\n                p = 1e-5"},
        {"start": "1.0", "stored": "pass"},
        {"updated": "np.maximum(np.abs(errors), self.eps)"},
        {"updated": "np.clip(np.abs(errors), 0.001, 1)"},
        {"updated": "np.minimum(np.abs(errors), 1.0)"},
    ],
)
def test_a_minimum_that_priorities_fall_below(project, changes):
    assert kept(project, **changes) == [("least", False)]


@pytest.mark.parametrize(
    "changes",
    [
        {"after": "self.least = min(self.least, self.mass[at].min())"},
        {"after": "self.lower(self.mass[at].min())"},
        {"stored": "self.lower(p)", "after": "self.lower(self.mass[at].min())"},
        {"after": "self.least = self.mass[: self.n].min()"},
        {"after": "memory = self\n\n    def fall(memory):\n        memory.least = 0.1"},
        {"start": "1e-5"},
        {"start": "1e-5**0.6", "stored": "pass"},
        {"start": "eps"},
        {"start": "None", "stored": "self.least = p if self.least is None else min(self.least, p)"},
        {"new": "abs(reward) + self.eps"},
        {"new": "self.eps"},
        {"new": "state.priority"},
        {"new": "self.mass.max() or 1.0"},
        {"new": "self.top\n            if p == 1:\n                p = 1e-5"},
        {"stored": "if self.least < p:\n                self.least = p"},
        {"stored": "if self.least > p:\n                pass\n            else:\n                self.least = p"},
        {"stored": "if p < self.least:\n                self.least = reward"},
        {"updated": "np.maximum(np.abs(errors), 1.0)"},
        {"updated": "np.abs(errors) + self.first"},
        {"updated": "np.clip(np.abs(errors), 1, 10)"},
        {"over": " / w.max()"},
        {"start": "1.0", "stored": "pass", "least": "self.mass[at].min() * self.least"},
    ],
)
def test_a_minimum_that_follows_or_bounds_the_priorities_or_may(project, changes):
    assert kept(project, **changes) == []


FOLLOWS = {"start": "0.0", "after": "self.least = min(self.least, self.mass[at].min())"}


@pytest.mark.parametrize("changes", [{}, {"stored": "pass"}, {"stored": ENTERED, "after": "pass"}])
def test_nothing_is_smaller_than_zero(project, changes):
    assert kept(project, **{**FOLLOWS, **changes}) == [("least", True)]


@pytest.mark.parametrize(
    "changes",
    [
        {"least": "max(self.least, self.eps)"},
        {"least": "(self.least or 1.0)"},
        {"least": "(self.least + self.eps)"},
        {"least": "(self.least if self.least > 0 else 1.0)"},
        {"stored": "self.least = p if self.least == 0 else min(self.least, p)"},
        {"over": " / w.max()"},
    ],
)
def test_unless_something_takes_its_place(project, changes):
    assert kept(project, **{**FOLLOWS, **changes}) == []
