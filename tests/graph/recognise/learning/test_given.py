"""Batches a part of which is drawn from data that the program is given."""

import pytest

from per_audit.graph.recognise.learning.given import is_beside_given

MEMORY = """
    import numpy as np

    class Mixed:
        def __init__(self, size, width, shown):
            self.shown_states, self.shown_actions = shown["states"], shown["actions"]
            self.shown_rewards, self.shown_next = shown["rewards"], shown["next_states"]
            self.states, self.actions = np.zeros((size, width)), np.zeros(size)
            self.rewards, self.next_states = np.zeros(size), np.zeros((size, width))
            self.size, self.at, self.count = size, 0, 0

        def add(self, state, action, reward, next_state):
            self.states[self.at], self.actions[self.at] = state, action
            self.rewards[self.at], self.next_states[self.at] = reward, next_state
            self.at, self.count = (self.at + 1) % self.size, min(self.count + 1, self.size)
            {more}

        def sample(self, n):
            shown = np.random.randint(0, len({of}), size=n // 2)
            own = np.random.randint(0, self.count, size=n - n // 2)
            return (
                {join}([{of}[shown], self.states[own]]),
                {join}([self.shown_actions[shown], self.actions[own]]),
                {join}([self.shown_rewards[shown], self.rewards[own]]),
                {join}([self.shown_next[shown], self.next_states[own]]),
            )
"""
PLAIN = {"more": "pass", "of": "self.shown_states", "join": "np.concatenate"}


@pytest.mark.parametrize(
    ("other", "is_beside"),
    [
        ({}, True),
        ({"join": "print"}, False),
        ({"more": "self.shown_states[self.at] = state"}, False),
        ({"more": "self.shown_states.append(state)"}, False),
        ({"more": "self.shown_states = state"}, False),
        ({"more": "self.shown_states += state"}, False),
        ({"of": "self.states"}, False),
    ],
)
def test_what_nothing_is_added_to_has_a_share_of_each_batch(project, other, is_beside):
    graph = project(MEMORY.format(**PLAIN | other))
    assert any(is_beside_given(graph, buffer) for buffer in graph.buffers) is is_beside
    assert graph.buffers


@pytest.mark.parametrize(
    ("more", "is_beside"), [("pass", True), ("for kept, new in [(self.shown_states, state)]: kept[0] = new", False)]
)
def test_what_is_written_under_another_name_is_not_given(project, more, is_beside):
    memory = MEMORY.format(**PLAIN | {"more": more}).replace('shown["states"]', "np.zeros((99, width))")
    graph = project(memory)
    assert any(is_beside_given(graph, buffer) for buffer in graph.buffers) is is_beside
