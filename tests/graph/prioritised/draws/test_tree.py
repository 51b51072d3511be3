"""Sum trees are built, filled and searched by their own methods."""

import pytest

from per_audit.graph import PRIORITISED
from per_audit.graph.prioritised.draws.tree import trees_of

TREE = """
import numpy as np

class Tree:
    def __init__(self, capacity):
        self.capacity, self.at = capacity, 0
        self.sums, self.rows = np.zeros(2 * capacity - 1), [None] * capacity

    def add(self, row, priority):
        self.rows[self.at] = row
        self.put(self.at + self.capacity - 1, priority)
        self.at = (self.at + 1) % self.capacity

    def put(self, node, priority):
        change = priority - self.sums[node]
        self.sums[node] = priority
        while node:
            node = (node - 1) // 2
            self.sums[node] += change

    def total(self):
        return self.sums[0]

    def upto(self, first, end):
        return self.sums[self.capacity - 1 + first : self.capacity - 1 + end].sum()

    def get(self, mass):
        node = 0
        while node < self.capacity - 1:
            node = 2 * node + 1
            if mass > self.sums[node]:
                mass -= self.sums[node]
                node += 1
        return node, self.sums[node], self.rows[node - self.capacity + 1]
"""
MEMORY = """
import random
from tree import Tree

class Memory:
    def __init__(self, capacity):
        self.tree = Tree(capacity)

    def store(self, state, action, reward, next_state, done):
        self.tree.add((state, action, reward, next_state, done), 1.0)

    def sample(self, n):
        return [self.tree.get(random.uniform(0, self.tree.total())) for _ in range(n)]

    def update(self, nodes, errors):
        for node, error in zip(nodes, errors):
            self.tree.put(node, abs(error) + 0.1)
"""


@pytest.fixture
def tree(project):
    """The tree of a project whose memory draws by it."""

    def found(text=TREE):
        graph = project("", memory=MEMORY, tree=text)
        (buffer,) = [b for b in graph.buffers if b.kind == PRIORITISED]
        (only,) = trees_of(graph, buffer)
        return only

    return found


def method(tree, name):
    return tree.graph.classes.find_method(tree.cls, name)


def test_what_fills_and_what_finds_is_told_by_what_it_does(tree):
    known = tree()
    assert [(entry.function.name, entry.roles) for entry in known.entries] == [("add", ("t", "p"))]
    assert known.find.name == "get"
    assert known.field == "sums"


def test_sums_reach_the_root_and_slots_are_overwritten(tree):
    known = tree()
    thing = known.filled(5, [1.0, 2.0, 4.0, 8.0, 16.0, 32.0])
    assert known.nodes(thing)[0] == 2 + 4 + 8 + 16 + 32
    assert 62.0 in known.totals(thing)
    assert known.single(thing)
    assert not known.is_small(thing)


def test_sums_of_ranges(tree):
    known = tree()
    thing = known.filled(4, [1.0, 2.0, 4.0, 8.0])
    assert known.ask(thing, method(known, "upto"), 0, 3) == 7.0
    assert known.ask(thing, method(known, "get"), "no mass") is None


def test_a_mass_falls_on_the_leaf_of_its_share(tree):
    known = tree()
    thing = known.filled(4, [1.0, 2.0, 1.0])
    leaves = [known.leaf(thing, mass) for mass in (0.5, 1.5, 2.5, 3.5)]
    assert leaves[1] == leaves[2]
    assert len(set(leaves)) == 3
    assert leaves[0] == (3, "t0")


def test_a_tree_that_cannot_be_followed_is_not_known(tree):
    known = tree(
        TREE.replace("change = priority - self.sums[node]", "change = ask_the_server(priority, self.sums[node])")
    )
    assert known.entries == []
    assert known.find is None
    assert known.filled(4, [1.0]) is None


def test_sums_of_32_bits(tree):
    known = tree(TREE.replace("np.zeros(2 * capacity - 1)", "np.zeros(2 * capacity - 1, dtype=np.float32)"))
    assert known.is_small(known.filled(4, [1.0]))


def test_what_holds_itself_many_times_over_is_looked_at_no_further_than_needed(tree):
    doubled = "        pair = ()\n" + "        pair = (pair, pair)\n" * 60
    found = tree(f"{TREE}\n    def everything(self):\n{doubled}        return pair\n")
    thing = found.filled(4, [1.0, 2.0, 4.0, 8.0], found.entries[0])
    assert 15.0 in found.totals(thing)
