"""Where no loss can be weighted the reason names what stands in its place."""

from __future__ import annotations

import pytest

from ...rewriting import agent, check_refused
from ..containers.test_container_swap import changed

LOOP = """\
total = 0
for value, reward in zip(q, rewards):
    total += (reward - value) ** 2
total.backward()
self.optimizer.step()
"""
TARGETS = "updated = rewards + 0.9 * self.target_network.predict(next_states)\n"
LEARN = "    def learn(self):\n        batch ="


@pytest.mark.parametrize(
    ("learn", "shape"),
    [
        (LOOP, "the squared error at agent.py:25 is of one transition, in each turn of a loop"),
        (f"{TARGETS}self.network.fit(states, updated)\n", "the targets that the model is fitted to at agent.py:24"),
    ],
)
def test_the_shape_is_named(learn, shape):
    check_refused(agent(learn), shape)


def test_a_function_that_is_traced_into_a_graph():
    step = "self.step(states, actions, target)\n"
    traced = "    @tf.function\n    def step(self, states, actions, target):\n        self.optimizer.apply(target)\n\n"
    files = changed(agent(step), (LEARN, traced + LEARN), ("import torch\n", "import tensorflow as tf\nimport torch\n"))
    check_refused(files, "that is given the batch is traced into a graph (tf.function)")
