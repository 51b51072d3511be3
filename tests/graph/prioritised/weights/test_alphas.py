"""How often alpha is applied in the weights, and in the draws."""

import pytest

from per_audit.graph.prioritised.weights.alphas import raised_otherwise

TREE = """
import random
import numpy as np
import torch


class Tree:
    def __init__(self, size):
        self.nodes, self.rows, self.size, self.at = np.zeros(2 * size), [None] * size, size, 0

    def put(self, row, priority):
        self.rows[self.at] = row
        self.set(self.at, priority)
        self.at = (self.at + 1) % self.size

    def set(self, slot, priority):
        node = slot + self.size
        self.nodes[node] = priority
        while node > 1:
            node //= 2
            self.nodes[node] = self.nodes[2 * node] + self.nodes[2 * node + 1]

    def find(self, mass):
        node = 1
        while node < self.size:
            node *= 2
            if mass > self.nodes[node]:
                mass -= self.nodes[node]
                node += 1
        return node - self.size


class Memory:
    def __init__(self, size, alpha=0.6):
        self.tree, self.size, self.alpha = Tree(size), size, alpha

    def push(self, state, action, reward, next_state, done):
        self.tree.put((state, action, reward, next_state, done), 1.0)

    def sample(self, n, beta):
        slots = [self.tree.find(random.random() * self.tree.nodes[1]) for _ in range(n)]
        p = np.array([self.tree.nodes[slot + self.size] for slot in slots])
        weights = WEIGHTS
        return [self.tree.rows[i] for i in slots], slots, weights / weights.max()

    def update(self, slots, errors):
        for slot, error in zip(slots, errors):
            self.tree.set(slot, PRIORITY)


def train(net, optimizer):
    memory = Memory(1024)
    for step in range(1000):
        memory.push(*net.step())
        batch, slots, weights = memory.sample(32, 0.4)
        errors = net.errors(batch)
        loss = (torch.as_tensor(weights) * errors**2).mean()
        loss.backward()
        optimizer.step()
        memory.update(slots, errors.detach().numpy())
"""
PLAIN = "(self.size * p / self.tree.nodes[1]) ** -beta"
RAISED = "(self.size * p**self.alpha / self.tree.nodes[1]) ** -beta"
SUMMED = "(self.size * p**self.alpha / (self.tree.nodes[self.size :] ** self.alpha).sum()) ** -beta"
TWO = ("self.tree, self.size", "self.tree, self.other, self.size"), ("Tree(size), size", "Tree(size), Tree(size), size")


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        ("(filled * p[slots]) ** -beta", 0),
        ("(filled * p[slots] ** self.alpha) ** -beta", 1),
    ],
)
def test_alpha_in_weights_and_in_draws(weights_of, formula, expected):
    weights = weights_of(formula)
    assert raised_otherwise(weights, weights.all[0]) == expected


@pytest.mark.parametrize(
    ("formula", "priority", "changes", "expected"),
    [
        (PLAIN, "abs(error) + 1e-6", (), 0),
        (PLAIN, "(abs(error) + 1e-6) ** self.alpha", (), 0),
        (RAISED, "abs(error) + 1e-6", (), 1),
        (SUMMED, "abs(error) + 1e-6", (), 1),
        (SUMMED, "abs(error) + 1e-6", TWO, 0),  # of which tree the entry is, nothing tells
    ],
)
def test_a_tree_is_searched_for_its_entries_as_they_are(project, formula, priority, changes, expected):
    text = TREE.replace("WEIGHTS", formula).replace("PRIORITY", priority)
    for old, new in changes:
        text = text.replace(old, new)
    graph = project(text)
    weights = graph.weights(graph.buffers[0])
    assert raised_otherwise(weights, weights.all[0]) == expected
