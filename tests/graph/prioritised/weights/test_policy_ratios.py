"""Transitions that are drawn by the ratio of two policies' probabilities."""

import pytest

from per_audit.graph.prioritised.weights.policy_ratios import is_resampled, resamples

MEMORY = """
    import numpy as np

    class Memory:
        def __init__(self, size):
            self.rows, self.mass, self.at = [None] * size, np.zeros(size), 0

        def push(self, state, action, reward, next_state, done, mass):
            self.rows[self.at] = (state, action, reward, next_state, done)
            self.mass[self.at] = mass
            self.at = (self.at + 1) % len(self.rows)

        def sample(self, n):
            p = self.mass / self.mass.sum()
            at = np.random.choice(len(self.rows), n, p=p)
            return [self.rows[i] for i in at], at

        def rate(self, at, errors):
            self.mass[at] = np.abs(errors)
"""
LEARNER = """
    import random
    from memory import Memory

    class Learner:
        def __init__(self, net):
            self.net, self.memory = net, Memory(64)
            self.target, self.behaviour = [0.5, 0.5], [0.2, 0.8]

        def go(self, env, state):
            action = random.choice([0, 1])
            next_state, reward, done, _ = env.step(action)
            self.memory.push(state, action, reward, next_state, done, {mass})

        def learn(self):
            rows, at = self.memory.sample(8)
            errors = self.net(rows)
            errors.mean().backward()
            {after}
"""


@pytest.mark.parametrize(
    ("mass", "after", "expected"),
    [
        ("self.target[action] / self.behaviour[action]", "pass", True),
        ("self.target[action] / self.behaviour[action] + 0.001", "pass", True),
        ("self.target[action] / self.behaviour[action]", "self.memory.rate(at, errors)", False),
        ("self.target[action] / self.target[action]", "pass", False),
        ("self.target[action] / self.behaviour[0]", "pass", False),
        ("self.target[action] * self.behaviour[action]", "pass", False),
        ("self.target[state] / self.behaviour[state]", "pass", False),  # nothing that was drawn
        ("1.0", "pass", False),
    ],
)
def test_ratios_are_all_that_transitions_are_drawn_by(project, mass, after, expected):
    graph = project(memory=MEMORY, learner=LEARNER.format(mass=mass, after=after))
    (buffer,) = graph.buffers
    assert is_resampled(graph, buffer) is expected


def test_whose_transitions_are_stored_by_ratios(project):
    ratios = LEARNER.format(mass="self.target[action] / self.behaviour[action]", after="pass")
    errors = LEARNER.replace("class Learner", "class Other").format(mass="1.0", after="pass")
    graph = project(memory=MEMORY, learner=ratios, other=errors)
    (buffer,) = graph.buffers
    learners = {graph.project.class_of[f].name: f for f in graph.project.functions if f.name == "learn"}
    assert resamples(graph, buffer, learners["Learner"])
    assert not resamples(graph, buffer, learners["Other"])
    assert not resamples(graph, buffer, None)
