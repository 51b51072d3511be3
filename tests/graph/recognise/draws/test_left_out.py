"""Probabilities that a draw takes and nobody gives."""

import pytest

from per_audit.graph import PRIORITISED, UNIFORM

MEMORY = """
    import numpy as np
    import torch

    def plain(given):
        return given.numpy() if torch.is_tensor(given) else np.asarray(given)

    def picked(among, size=None, masses=None):
        masses = plain(masses) if torch.is_tensor(masses) else masses
        return np.random.choice(among, size=size, p=masses)

    def some(among, size=None, masses=None):
        return picked(among, size=size, masses=masses)

    class Memory:
        def __init__(self, size):
            self.states, self.rewards, self.following = np.zeros((size, 3)), np.zeros(size), np.zeros((size, 3))
            self.priorities, self.size, self.count = np.ones(size), size, 0

        def add(self, state, reward, next_state):
            at = self.count % self.size
            self.states[at], self.rewards[at], self.following[at] = state, reward, next_state
            self.count += 1

        def update(self, at, errors):
            self.priorities[at] = abs(errors)

        def sample(self, n, **settings):
            chosen = {call}
            return self.states[chosen], self.rewards[chosen], self.following[chosen]
"""


@pytest.mark.parametrize(
    ("call", "kind"),
    [
        ("picked(self.count, size=n)", UNIFORM),
        ("some(self.count, size=n)", UNIFORM),
        ("some(self.count, n, None)", UNIFORM),
        ("picked(self.count, n, self.priorities[: self.count])", PRIORITISED),
        ("some(self.count, size=n, masses=self.priorities[: self.count])", PRIORITISED),
        ("some(self.count, n, None if self.count < 9 else self.priorities)", PRIORITISED),
        ("some(self.count, size=n, **settings)", PRIORITISED),
    ],
)
def test_positions_that_a_helper_draws_without_the_probabilities_that_it_may_be_given(project, call, kind):
    (buffer,) = project(MEMORY.format(call=call)).buffers
    assert buffer.kind == kind


def test_a_helper_that_nobody_calls_may_be_given_probabilities(project):
    source = MEMORY.format(call="np.random.choice(self.count, n, p=masses)")
    (buffer,) = project(source.replace("n, **settings", "n, masses=None")).buffers
    assert buffer.kind == PRIORITISED
