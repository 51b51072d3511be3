"""Weights that are made whole numbers."""

import pytest

from per_audit.graph.prioritised.whole import rounded

MEMORY = """
    import numpy as np
    import torch

    class Memory:
        def __init__(self, size):
            self.rows, self.priorities = [None] * size, np.zeros(size)

        def push(self, at, state, action, reward, next_state, done):
            self.rows[at] = (state, action, reward, next_state, done)
            self.priorities[at] = 1.0

        def sample(self, n, beta):
            p = self.priorities / self.priorities.sum()
            at = np.random.choice(len(self.rows), n, p=p)
            w = (len(self.rows) * p[at]) ** -beta
            return [self.rows[i] for i in at], torch.as_tensor(at).long(), {made}

        def update(self, at, errors):
            self.priorities[at] = np.abs(errors)
"""


@pytest.mark.parametrize(
    ("made", "is_rounded"),
    [
        ("torch.as_tensor(w / w.max()).long()", True),
        ("(w / w.max()).astype(int)", True),
        ("torch.LongTensor(w)", True),
        ("torch.as_tensor(w).float()", False),
        ("w.astype(np.float32)", False),
    ],
)
def test_weights_that_are_rounded(project, made, is_rounded):
    graph = project(MEMORY.format(made=made))
    (buffer,) = graph.buffers
    weights = graph.weights(buffer)
    found = [rounded(graph, weights, weight) for weight in weights.all]
    assert [each and graph.source(each[1], each[0]) for each in found] == [made if is_rounded else None]
