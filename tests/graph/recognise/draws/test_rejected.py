"""Draws that are made again for what was earned at a position."""

import pytest

from per_audit.graph import UNIFORM

MEMORY = """
    import numpy as np


    class Memory:
        def __init__(self, size):
            self.states, self.actions = np.zeros((size, 4)), np.zeros(size)
            self.rewards, self.ends = np.zeros(size), np.zeros(size)
            self.size, self.at = size, 0

        def add(self, state, action, reward, done):
            self.states[self.at], self.actions[self.at] = state, action
            self.rewards[self.at], self.ends[self.at] = reward, done
            self.at = (self.at + 1) % self.size

        def sample(self, n):
            slots, rewarded = [], 0
            while len(slots) < n:
                slot = np.random.randint(1, self.size)
                if TEST:
                    WHAT
                rewarded += self.rewards[slot] > 0
                slots.append(slot)
            return self.states[slots], self.actions[slots], self.rewards[slots], self.ends[slots]
    """


@pytest.mark.parametrize(
    ("test", "what", "found"),
    [
        ("rewarded > n // 2 and self.rewards[slot] > 0", "continue", []),
        ("self.ends[slot - 1]", "continue", [UNIFORM]),
        ("self.ends[slot]", "continue", [UNIFORM]),
        ("self.rewards[slot] > 0", "print(slot)", [UNIFORM]),
        ("self.rewards[0] > 0", "continue", [UNIFORM]),
    ],
)
def test_positions_that_are_drawn_again_for_their_reward_have_no_equal_chances(project, test, what, found):
    graph = project(MEMORY.replace("TEST", test).replace("WHAT", what))
    assert [buffer.kind for buffer in graph.buffers] == found
