"""Positions in a type that cannot count them."""

import pytest

from per_audit.graph.memory.narrow import narrowed

MEMORY = """
    import numpy as np
    import torch

    class Memory:
        def __init__(self, size):
            self.rows, self.mass, self.size, self.at = [None] * size, np.zeros(size), size, 0

        def push(self, state, action, reward, next_state, done):
            self.rows[self.at] = (state, action, reward, next_state, done)
            self.mass[self.at] = 1.0
            self.at = (self.at + 1) % self.size

        def sample(self, n):
            p = self.mass / self.mass.sum()
            at = np.random.choice(self.size, n, p=p)
            rows = [self.rows[i] for i in at]
            done = np.array([row[4] for row in rows]).astype(np.uint8)
            return rows, done, {at}, (self.size * p[at]) ** -0.5

    memory = Memory({size})
"""


def found(project, at, size=1000):
    graph = project(MEMORY.format(at=at, size=size))
    (buffer,) = graph.buffers
    return [graph.source(path, node) for node, path in narrowed(graph.anatomy(buffer))]


@pytest.mark.parametrize(
    "at",
    [
        "at.astype(np.uint8)",
        'at.astype("int8")',
        "np.array(at, dtype=np.uint8)",
        "np.vstack([i for i in at]).astype(np.uint8)",
        "torch.tensor(at).byte()",
        "torch.from_numpy(at).to(torch.uint8)",
    ],
)
def test_conversions_to_a_byte_are_found(project, at):
    (text,) = found(project, at)
    assert text == at


@pytest.mark.parametrize(
    "at", ["at", "at.astype(np.int64)", "torch.tensor(at).long()", "np.array(at, dtype=np.uint16)"]
)
def test_other_conversions_are_not(project, at):
    assert found(project, at) == []


def test_a_byte_counts_few_slots(project):
    assert found(project, "at.astype(np.uint8)", size=128) == []
