"""A number that is searched for to choose an opponent, in a method of the agent: no draw of what it remembers."""

import pytest

PROGRAM = """
    import random
    from collections import deque

    import numpy as np

    class Player:
        def __init__(self, net):
            self.net = net
            self.past = deque(maxlen=10000)
            self.rivals = []

        def learn(self):
            batch = random.sample(self.past, 32)
            states, actions, rewards, next_states, dones = map(np.array, zip(*batch))
            self.net.fit(states, rewards + (1 - dones) * 0.9 * self.net.predict(next_states).max(1))

        def play(self, env, rivals, odds):
            names, sums = list(rivals), np.cumsum(odds)
            for _ in range(1000):
                state, done = env.reset(), False
                {chosen}
                while not done:
                    action = self.net.act(state)
                    next_state, reward, done = env.step(action, rival)
                    self.past.append((state, action, reward, next_state, done))
                    state = next_state
                self.learn()
"""


@pytest.mark.parametrize(
    ("chosen", "kinds"),
    [
        ("at = np.searchsorted(sums, np.random.random()); rival = rivals[names[at]]", ["uniform"]),
        ("rival = rivals[names[np.searchsorted(sums, np.random.random())]]", ["uniform"]),
        ("at = np.searchsorted(sums, np.random.random()); rival = self.rivals[at]", ["prioritised"]),
        ("at = np.searchsorted(sums, np.random.random()); rival = names[at]; env.told(at)", ["prioritised"]),
        ("rows = list(self.past); at = np.searchsorted(sums, np.random.random()); rival = rows[at]", ["prioritised"]),
    ],
)
def test_one_of_a_list_at_hand_is_no_transition(project, chosen, kinds):
    assert [buffer.kind for buffer in project(PROGRAM.format(chosen=chosen)).buffers] == kinds
