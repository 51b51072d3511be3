"""How often alpha is applied in the weights, and in the draws."""

import pytest

from per_audit.graph.prioritised.weights.alphas import is_made_before_alpha, raised_otherwise
from per_audit.rule import all_rules

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


@pytest.mark.parametrize(
    ("weights", "stored", "expected"),
    [
        ("(self.size * self.errors[slots]) ** -beta", "self.errors[slot] ** self.alpha", True),
        ("(self.errors[slots] / self.errors.sum()) ** -beta", "self.errors[slot] ** 0.5", True),
        ("(self.size * self.errors[slots] ** self.alpha) ** -beta", "self.errors[slot] ** self.alpha", False),
        ("(self.size * self.errors[slots]) ** -beta", "self.errors[slot]", False),
        ("(self.size * self.errors[slots]) ** -beta", "(abs(error) + 1e-6) ** self.alpha", False),
        ("(self.size * self.others[slots]) ** -beta", "self.errors[slot] ** self.alpha", False),
        (PLAIN, "self.errors[slot] ** self.alpha", False),
    ],
)
def test_weights_of_what_is_kept_beside_the_tree(project, weights, stored, expected):
    first = stored.replace("abs(error) + 1e-6", "1.0")
    text = TREE.replace("WEIGHTS", weights).replace(
        "            self.tree.set(slot, PRIORITY)",
        f"            self.errors[slot] = abs(error) + 1e-6\n            self.tree.set(slot, {stored})",
    )
    text = text.replace(
        "        self.tree.put((state, action, reward, next_state, done), 1.0)",
        "        slot = self.tree.at\n        self.errors[slot] = 1.0\n"
        f"        self.tree.put((state, action, reward, next_state, done), {first})",
    )
    text = text.replace(
        "size, alpha\n", "size, alpha\n        self.errors, self.others = np.zeros(size), np.ones(size)\n", 1
    )
    (buffer,) = (graph := project(text)).buffers
    about = graph.weights(buffer)
    assert [is_made_before_alpha(about, weight) for weight in about.all] == [expected]
    (rule,) = (rule for rule in all_rules() if rule.code == "PER104")
    assert ["use priorities without alpha" in finding.message for finding in rule.check(graph)] == [True] * expected
