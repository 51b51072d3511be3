"""Priorities that a graph of a library asks for: what is made of them there nobody sees."""

import pytest

from per_audit.graph.prioritised.priorities.graphed import are_asked_for_in_a_graph

PROGRAM = """
    import numpy as np
    import tensorflow as tf

    class Memory:
        def __init__(self, size):
            self.rows, self.mass, self.at = [None] * size, np.zeros(size), 0

        def put(self, state, action, reward, next_state, done):
            self.rows[self.at], self.mass[self.at] = (state, action, reward, next_state, done), 1.0
            self.at = (self.at + 1) % len(self.rows)

        def some(self):
            slots = np.random.choice(len(self.rows), 32, p=self.mass / self.mass.sum())
            return [self.rows[slot] for slot in slots], slots

        def rate(self, slots, errors):
            self.mass[slots] = abs(errors) + 1e-6

        def masses(self, slots):
            return self.mass[slots]

        def filled(self):
            return self.at

    def graph(memory, places, losses):
        tf.py_func(memory.rate, [places, losses], [])
        return {asked}

    def train(env, net):
        memory = Memory(1000)
        memory.put(*env.step(0))
        rows, slots = memory.some()
        graph(memory, slots, net.losses(rows))
"""


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("tf.py_func(memory.masses, [places], [tf.float32])", True),
        ("tf.py_func(memory.filled, [], [tf.int64])", False),
        ("tf.py_func(memory.some, [], [tf.float32])", False),
        ("memory.masses(places)", False),  # which is followed
    ],
)
def test_priorities_that_a_graph_asks_for(project, asked, expected):
    graph = project(PROGRAM.replace("{asked}", asked))
    assert are_asked_for_in_a_graph(graph.priorities(graph.buffers[0])) is expected
