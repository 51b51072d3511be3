"""Slots of transitions that are taken for nodes of a sum tree."""

import pytest

from per_audit.graph.prioritised.priorities.leaves import misplaced, unwritten

MEMORY = """
    import random
    import numpy as np


    class Memory:
        def __init__(self, size):
            self.size, self.at = size, 0
            self.sums, self.rows = np.zeros(2 * size), [None] * size

        def push(self, state, action, reward, next_state, done):
            self.rows[self.at] = (state, action, reward, next_state, done)
            self.put(self.at + self.size, 1.0)
            self.at = (self.at + 1) % self.size

        def put(self, node, priority):
            self.sums[node] = priority
            while node > 1:
                node //= 2
                self.sums[node] = self.sums[2 * node] + self.sums[2 * node + 1]

        def find(self, mass):
            node = 1
            while node < self.size:
                node = 2 * node
                if mass >= self.sums[node]:
                    mass -= self.sums[node]
                    node += 1
            return node - self.size

        def sample(self, n):
            slots = [self.find(random.random() * self.sums[1]) for _ in range(n)]
            return dict(rows=[self.rows[slot] for slot in slots], slots=slots)

        def update(self, slots, errors):
            for slot, error in zip(slots, errors):
                self.put(slot + self.size, abs(error) + 1e-6)


    def learn(memory, net):
        batch = memory.sample(8)
        memory.update(batch["slots"], net.errors(batch["rows"]))


    learn(Memory(100), None)
"""
UPDATE = "self.put(slot + self.size, abs(error) + 1e-6)"


def lines(graph):
    (buffer,) = graph.buffers
    return [graph.place(w.steps[0].path, w.steps[0].node).line for w, _, _ in misplaced(graph.anatomy(buffer))]


@pytest.mark.parametrize(
    ("update", "found"),
    [
        (UPDATE, 0),
        ("self.put(slot, abs(error) + 1e-6)", 1),
        ("self.sums[slot] = abs(error) + 1e-6", 1),
        ("self.sums[self.size + slot] = abs(error) + 1e-6", 0),
        ("self.put(self.rows.index(error), abs(error) + 1e-6)", 1),
        ("self.put(net.place(error), abs(error) + 1e-6)", 0),
    ],
)
def test_a_slot_is_no_leaf(project, update, found):
    assert len(lines(project(MEMORY.replace(UPDATE, update)))) == found


def test_nothing_is_said_where_slots_are_numbers_of_nodes(project):
    flat = MEMORY.replace("self.put(self.at + self.size, 1.0)", "self.put(self.at, 1.0)")
    assert lines(project(flat.replace(UPDATE, "self.put(slot, abs(error) + 1e-6)"))) == []


def test_nothing_is_said_where_what_lies_before_the_leaves_may_change(project):
    growing = MEMORY.replace("self.at = (self.at + 1) % self.size", "self.at += 1\n            self.size += 1")
    assert lines(project(growing.replace(UPDATE, "self.put(slot, abs(error) + 1e-6)"))) == []


LIFT = """
        def put(self, node, priority):
            change = priority - self.sums[node]
            self.sums[node] = priority
            self.lift(node, change)

        def lift(self, node, change):
            node //= 2
            self.sums[node] += change
            if node > 1:
                self.lift(node, change)
"""
CHANGE = "self.lift(slot + self.size, abs(error) + 1e-6 - self.sums[slot + self.size])"


@pytest.mark.parametrize(
    ("update", "found"),
    [
        (UPDATE, 0),
        (CHANGE, 1),
        (CHANGE + "; self.sums[slot + self.size] = abs(error) + 1e-6", 0),
        ("self.lift(slot + self.size, error)", 0),
    ],
)
def test_a_leaf_whose_change_is_passed_on_is_written(project, update, found):
    start, end = MEMORY.index("        def put"), MEMORY.index("        def find")
    graph = project((MEMORY[:start] + LIFT.lstrip("\n") + "\n" + MEMORY[end:]).replace(UPDATE, update))
    (buffer,) = graph.buffers
    assert len(list(unwritten(graph.anatomy(buffer)))) == found
