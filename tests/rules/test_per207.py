"""What new transitions are said to start with."""

import pytest

from per_audit.facts import extract
from per_audit.graph import link
from per_audit_rules.per207_new_priority_not_max import NewPriorityNotMax

AGENT = """import numpy as np


class Memory:
    def __init__(self, size, alpha={alpha}):
        self.rows, self.mass, self.at = [None] * size, np.zeros(size), 0
        self.small, self.alpha = 0.01, alpha

    def add(self, state, action, reward, next_state, done):
        self.rows[self.at % len(self.rows)] = (state, action, reward, next_state, done)
        self.mass[self.at % len(self.rows)] = {start}
        self.at += 1

    def sample(self, n, beta):
        p = self.mass / self.mass.sum()
        slots = np.random.choice(len(p), n, p=p)
        weights = (len(p) * p[slots]) ** -beta
        return [self.rows[i] for i in slots], slots, weights / weights.max()

    def update(self, slots, errors):
        self.mass[slots] = (np.abs(errors) + self.small) ** self.alpha


def train(env, net, optimizer, steps{more}):
    memory = Memory(1000{given})
    state = env.reset()
    for step in range(steps):
        next_state, reward, done, _ = env.step(net.act(state))
        memory.add(state, net.last, reward, next_state, done)
        state = next_state
        rows, slots, weights = memory.sample(32, min(1.0, 0.4 + 0.6 * step / steps))
        errors = net.goals(rows) - net.values(rows)
        (weights * errors**2).mean().backward()
        optimizer.step()
        memory.update(slots, errors.detach().numpy())
"""


@pytest.mark.parametrize(
    ("start", "changed", "said"),
    [
        ("self.small", {}, "the constant 0.01,"),
        ("self.small ** self.alpha", {}, "the constant 0.063 (0.01 ** 0.6),"),
        ("(0.0 + self.small) ** self.alpha", {}, "the constant 0.063 (0.01 ** 0.6),"),
        ("1.0 ** self.alpha", {}, "the constant 1,"),
        ("self.small ** self.alpha", {"more": ", alpha", "given": ", alpha"}, "the constant 0.01,"),
    ],
)
def test_a_constant_is_told_as_it_is_stored(start, changed, said):
    text = AGENT.format(**{"alpha": 0.6, "more": "", "given": "", **changed}, start=start)
    (finding,) = NewPriorityNotMax().check(link([extract("agent.py", text.encode())]))
    assert f"start with {said} not with the largest priority" in finding.message
