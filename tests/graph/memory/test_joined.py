"""Arrays that are joined to with each row."""

import pytest

MAIN = """
import numpy as np


class Memory:
    def __init__(self, size):
        self.size, self.states, self.actions = size, {start}, {start}
        self.rewards, self.following, self.ends = {start}, {start}, {start}

    def push(self, state, action, reward, next_state, done):
        self.states = {states}
        self.actions = np.append(self.actions, action)
        self.rewards = np.append(self.rewards, reward)
        self.following = np.vstack((self.following, next_state))
        self.ends = np.append(self.ends, done)
        {more}

    def sample(self, n):
        at = np.random.choice(len(self.states), n)
        return self.states[at], self.actions[at], self.rewards[at], self.following[at], self.ends[at]


def train(env, net, target):
    memory = Memory(1000)
    state = env.reset()
    while True:
        action = net.act(state)
        next_state, reward, done, _ = env.step(action)
        memory.push(state, action, reward, next_state, done)
        state = next_state
        s, a, r, s2, d = memory.sample(32)
        net.fit(s, r + (1 - d) * target.predict(s2).max())
"""
JOIN = "np.vstack((self.states, state))"


@pytest.mark.parametrize(
    ("start", "states", "more", "grows"),
    [
        ("np.empty((0, 4))", JOIN, "pass", True),
        ("None", f"state[None] if self.states is None else {JOIN}", "pass", False),  # not followed
        ("np.empty((0, 4))", f"{JOIN}[-self.size :]", "pass", False),
        (
            "np.empty((0, 4))",
            JOIN,
            "if len(self.states) > self.size:\n            self.states = self.states[1:]",
            False,
        ),
        ("np.empty((0, 4))", JOIN, "self.states = np.delete(self.states, 0, axis=0)", False),
    ],
)
def test_an_array_grows_by_what_is_joined_to_it(project, start, states, more, grows):
    graph = project(MAIN.format(start=start, states=states, more=more))
    (buffer,) = graph.buffers
    stores = graph.growing_stores(buffer)
    assert any(store.node.start < graph.module("main.py").text.index(b"np.append") for store in stores) is grows


def test_the_first_row_begins_an_array(project):
    """In the other branch of a test; what a test of the length gives in its place makes it shorter."""
    first = """if self.states is None:
            self.states = state[None]
        else:
            self.states = np.vstack((self.states, state))"""
    begun = MAIN.format(start="None", states="STATES", more="pass").replace("self.states = STATES", first)
    (buffer,) = (graph := project(begun)).buffers
    assert len(graph.growing_stores(buffer)) == 5
    cut = begun.replace(
        "state[None]\n", "state[None]\n        elif len(self.states) > 9:\n            self.states = None\n"
    )
    (buffer,) = (graph := project(cut)).buffers
    assert len(graph.growing_stores(buffer)) == 4
