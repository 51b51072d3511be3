"""Lists of what is trained."""

import pytest

CODE = """
    import random
    import numpy as np
    import torch
    from operator import itemgetter
    from torch import nn

    class Net(nn.Module):
        def __init__(self):
            self.layer = nn.Linear(4, 2)

        def forward(self, x):
            return self.layer(x)

    class Agent:
        def __init__(self, count, size):
            self.nets, self.optimisers = [], []
            for _ in range(count):
                net = Net()
                self.nets.append(MADE)
                self.optimisers.append(torch.optim.Adam(net.parameters()))
            self.memory = Memory(size)

        def observe(self, row):
            self.memory.put(row)

        def learn(self, beta):
            rows, nodes, masses = self.memory.draw(32)
            weights = (self.memory.size * masses / self.memory.sums[0]) ** -beta
            for net, optimiser in zip(self.nets, self.optimisers):
                errors = net(torch.stack([row[0] for row in rows])) - torch.stack([row[1] for row in rows])
                (torch.as_tensor(weights) * errors.pow(2)).mean().backward()
                optimiser.step()
                for node, error in zip(nodes, errors.abs().tolist()):
                    self.memory.set(node, error)

    class Memory:
        def __init__(self, size):
            self.rows, self.sums, self.size, self.at = [None] * size, np.zeros(2 * size - 1), size, 0

        def put(self, row):
            self.rows[self.at] = row
            self.set(self.at + self.size - 1, 1.0)
            self.at = (self.at + 1) % self.size

        def set(self, node, mass):
            self.sums[node] = mass
            if node:
                above = (node - 1) // 2
                self.set(above, self.sums[2 * above + 1] + self.sums[2 * above + 2])

        def find(self, mass, node=0):
            if 2 * node + 1 >= len(self.sums):
                return node
            if mass <= self.sums[2 * node + 1]:
                return self.find(mass, 2 * node + 1)
            return self.find(mass - self.sums[2 * node + 1], 2 * node + 2)

        def draw(self, n):
            nodes = [self.find(mass) for mass in self.sums[0] * np.random.random(n)]
            rows = list(itemgetter(*[node - self.size + 1 for node in nodes])(self.rows))
            return rows, nodes, np.array([self.sums[node] for node in nodes])
"""


@pytest.mark.parametrize(("made", "name"), [("net", "Agent.rows"), ("(net, 0.0)", "Agent.nets")])
def test_what_is_trained_is_no_memory_beside_the_one_that_is_drawn_from(project, made, name):
    graph = project(CODE.replace("MADE", made))
    assert [graph.name_of(buffer) for buffer in graph.buffers] == [name]
