"""Weights that are made whole numbers."""

import pytest

from per_audit.graph.prioritised.weights.whole import rounded

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


LEARNER = """
    import random

    class Uniform:
        def __init__(self):
            self.rows = []

        def push(self, *row):
            self.rows.append(row)

        def sample(self, n):
            return random.sample(self.rows, n)

    class Agent:
        def __init__(self, config):
            self.by_priority = config.by_priority
            self.memory = Memory(100) if self.by_priority else Uniform()

        def learn(self, net):
            if self.by_priority:
                batch, at, w = self.memory.sample(32, 0.4)
            else:
                batch, w = self.memory.sample(32), np.ones(32)
            states, actions, rewards, next_states, dones = (torch.tensor(np.array(each)) for each in zip(*batch))
            q = net(states).gather(1, actions.long()[:, None])[:, 0]
            errors = rewards + 0.9 * (1 - dones) * net(next_states).max(1).values.detach() - q
            (torch.tensor(w) * errors ** 2).mean().backward()
"""


def test_a_column_that_may_come_with_weights_is_none(project):
    graph = project(MEMORY.format(made="w / w.max()") + LEARNER)
    for buffer in graph.buffers:
        weights = graph.weights(buffer)
        assert [rounded(graph, weights, weight) for weight in weights.all] in ([], [None])
    assert any(graph.weights(buffer).all for buffer in graph.buffers)
