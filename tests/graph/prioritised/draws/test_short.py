"""Sums that stop one before the last slot in use, of trees that have theirs searched by functions beside them too."""

import pytest

from per_audit.graph.prioritised.draws.short import short_sums
from per_audit.graph.prioritised.draws.tree import trees_of

TREE = """
import numpy as np

class Tree:
    def __init__(self, size):
        self.size, self.node = size, np.zeros(2 * size)

    def put(self, slot, priority):
        at = slot + self.size
        self.node[at] = priority
        while at > 1:
            at //= 2
            self.node[at] = self.node[2 * at] + self.node[2 * at + 1]

    def upto(self, start, end):
        return self.node[start + self.size : end + self.size].sum()

    def through(self, start, end):
        return self.node[start + self.size : end + 1 + self.size].sum()

    def find(self, mass):
        return down(self.node, self.size, mass)

def down(node, size, mass):
    at = 1
    while at < size:
        at *= 2
        if mass >= node[at]:
            mass -= node[at]
            at += 1
    return at - size
"""
MEMORY = """
import random
from tree import Tree

class Memory:
    def __init__(self, size):
        self.tree, self.rows, self.size, self.at = Tree(size), [], size, 0

    def store(self, state, action, reward, next_state, done):
        if len(self.rows) < self.size:
            self.rows.append(None)
        self.rows[self.at] = (state, action, reward, next_state, done)
        self.tree.put(self.at, 1.0)
        self.at = (self.at + 1) % self.size

    def sample(self, n):
        slots = positions(self.tree, {given}, n)
        return [self.rows[slot] for slot in slots], slots

    def update(self, slots, errors):
        for slot, error in zip(slots, errors):
            self.tree.put(slot, abs(error) + 0.1)

def positions(tree, length, n):
    total = {total}
    return [tree.find(random.random() * total) for _ in range(n)]
"""


@pytest.mark.parametrize(
    ("total", "given", "calls"),
    [
        ("tree.upto(0, length - 1)", "len(self.rows)", ["tree.upto(0, length - 1)"]),
        ("tree.upto(0, length - 1)", "min(len(self.rows), 50)", ["tree.upto(0, length - 1)"]),
        ("tree.upto(0, length - 1)", "n", []),  # of as many as are drawn, on purpose
        ("tree.upto(0, length)", "len(self.rows)", []),
        ("tree.through(0, length - 1)", "len(self.rows)", []),
    ],
)
def test_which_sums_leave_out_the_last_slot_in_use(project, total, given, calls):
    graph = project(tree=TREE, memory=MEMORY.replace("{total}", total).replace("{given}", given))
    (buffer,) = graph.buffers
    (tree,) = trees_of(graph, buffer)
    assert [graph.source(path, call) for call, _, path in short_sums(graph, buffer, tree)] == calls
