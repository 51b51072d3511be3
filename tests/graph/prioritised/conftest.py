"""A memory that draws by priority, of which the weights are still to be written."""

import pytest

MEMORY = """
import numpy as np
import torch


class Memory:
    def __init__(self, size, alpha=0.6):
        self.rows, self.mass, self.size, self.at = [None] * size, np.zeros(size), size, 0
        self.alpha, self.least, self.sum = alpha, 1.0, 0.0

    def push(self, state, action, reward, next_state, done):
        self.rows[self.at % self.size] = (state, action, reward, next_state, done)
        self.mass[self.at % self.size] = self.mass.max() or 1.0
        self.at += 1

    def sample(self, n, beta):
        filled = min(self.at, self.size)
        p = self.mass[:filled] / self.mass[:filled].sum()
        slots = np.random.choice(filled, n, p=p)
        weights = WEIGHTS
        return [self.rows[i] for i in slots], slots, RESULT

    def update(self, slots, errors):
        sizes = np.abs(errors) + 1e-6
        self.mass[slots] = sizes
        self.least = min(self.least, sizes.min())


def train(net, optimizer):
    memory = Memory(1000)
    for step in range(1000):
        memory.push(*net.step())
        batch, slots, weights = memory.sample(32, 0.4)
        errors = net.errors(batch)
        loss = (torch.as_tensor(weights) * errors**2).mean()
        loss.backward()
        optimizer.step()
        memory.update(slots, errors.detach().numpy())
"""


@pytest.fixture
def weights_of(project):
    """The weights of a memory that computes them by a formula of `self.mass`, `p`, `filled` and `slots`."""

    def find(formula, result="weights"):
        graph = project(MEMORY.replace("WEIGHTS", formula).replace("RESULT", result))
        return graph.weights(graph.buffers[0])

    return find
