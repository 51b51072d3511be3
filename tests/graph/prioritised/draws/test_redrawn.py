"""Draws that are made again while the batch holds what they give."""

import pytest

from per_audit.graph.prioritised.draws.redrawn import redrawn

PROGRAM = """
    import random
    import numpy as np

    class Memory:
        def __init__(self, capacity):
            self.rows, self.mass, self.at, self.twice = [None] * capacity, np.zeros(capacity), 0, 0

        def add(self, state, action, reward, next_state, done):
            self.rows[self.at], self.mass[self.at] = (state, action, reward, next_state, done), 1.0
            self.at = (self.at + 1) % len(self.rows)

        def one(self):
            sums = np.cumsum(self.mass)
            return int(np.searchsorted(sums, random.uniform(0, sums[-1])))

        def sample(self, n, beta):
            slots = {made}
            {draw}
            slots = list(slots)
            weights = (len(self.rows) * self.mass[slots] / self.mass.sum()) ** -beta
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
ONE = "slot = self.one()"


@pytest.mark.parametrize(
    ("made", "draw", "told"),
    [
        ("[]", (f"for _ in range(n):\n {ONE}\n while slot in slots:\n  {ONE}\n slots.append(slot)"), ["slot in slots"]),
        (
            "[]",
            f"for _ in range(n):\n {ONE}\n while slot in slots and n < self.at:\n  {ONE}\n slots.append(slot)",
            ["slot in slots"],
        ),
        ("[]", f"while len(slots) < n:\n {ONE}\n if slot not in slots:\n  slots.append(slot)", ["slot not in slots"]),
        (
            "set()",
            f"while len(slots) < n:\n {ONE}\n if slot in slots:\n  continue\n slots.add(slot)",
            ["slot in slots"],
        ),
        ("[]", f"for _ in range(n):\n {ONE}\n if slot in slots:\n  self.twice += 1\n slots.append(slot)", []),
        ("[]", f"for _ in range(n):\n {ONE}\n if slot not in slots:\n  slots.append(slot)", []),
        ("[]", f"for _ in range(n):\n {ONE}\n while slot in self.rows:\n  {ONE}\n slots.append(slot)", []),
        ("[]", f"for _ in range(n):\n {ONE}\n while slot == self.at:\n  {ONE}\n slots.append(slot)", []),
        ("[]", f"for _ in range(n):\n {ONE}\n slots.append(slot)", []),
    ],
)
def test_what_the_batch_holds_is_drawn_again(project, made, draw, told):
    graph = project(PROGRAM.format(made=made, draw=draw.replace("\n", "\n" + 12 * " ")))
    (buffer,) = graph.weighted
    assert [graph.source(path, test) for test, path, _ in redrawn(graph, buffer)] == told
