"""Rows of which a learner takes the states and the actions alone."""

import pytest

from per_audit.graph import UNIFORM

DEMONSTRATIONS = """
    import random

    class Demonstrations:
        def __init__(self):
            self.rows = []

        def add(self, state, action, reward, next_state, done):
            self.rows.append((state, action, reward, next_state, done))
            del self.rows[:-1000]

        def draw(self, n):
            {draw}

    def main(env, expert, policy):
        rows = Demonstrations()
        state = env.reset()
        while True:
            action = expert(state)
            next_state, reward, done, _ = env.step(action)
            rows.add(state, action, reward, next_state, done)
            state = next_state
            {take}
            policy.loss(states, actions{more}).backward()
"""
ALL = "states, actions, rewards, next_states, dones = zip(*batch)"


@pytest.mark.parametrize(
    ("draw", "take", "more", "found"),
    [
        (f"batch = random.sample(self.rows, n)\n            {ALL}\n            return states, actions",
         "states, actions = rows.draw(8)", "", []),
        ("return random.sample(self.rows, n)", f"batch = rows.draw(8)\n            {ALL}", "", []),
        ("return random.sample(self.rows, n)", "states, actions, *_ = zip(*rows.draw(8))", "", []),
        ("return random.sample(self.rows, n)", f"batch = rows.draw(8)\n            {ALL}", ", rewards", [UNIFORM]),
        ("return random.sample(self.rows, n)", f"batch = rows.draw(8)\n            {ALL}", ", batch", [UNIFORM]),
    ],
)  # fmt: skip
def test_what_only_gives_states_and_actions_is_imitated(project, kinds, draw, take, more, found):
    text = DEMONSTRATIONS.replace("{draw}", draw).replace("{take}", take).replace("{more}", more)
    assert kinds(project(text)) == found
