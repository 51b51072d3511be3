"""Memories that are drawn from by code that is not there."""

import pytest

MEMORY = """
import numpy as np


class Memory:
    def __init__(self, size):
        self.rows, self.priorities, self.size, self.at = [None] * size, np.zeros(size), size, 0

    def add(self, state, action, reward, next_state, done):
        self.rows[self.at] = (state, action, reward, next_state, done)
        self.priorities[self.at] = 1.0
        self.at = (self.at + 1) % self.size

    def one(self):
        return np.random.choice(self.size, p=self.priorities / self.priorities.sum())

    def sample(self, n):
        return [self.rows[self.one()] for _ in range(n)]

    def rate(self, slots, errors):
        self.priorities[slots] = np.abs(errors)
"""
TRAIN = """
import pickle

from memory import Memory
from pupil import Pupil


def main(env, net):
    memory, pupil = Memory(1000), Pupil(net)
    state = env.reset()
    for step in range(10_000):
        action = pupil.act(state)
        next_state, reward, done, _ = env.step(action)
        memory.add(state, action, reward, next_state, done)
        state = env.reset() if done else next_state
        pupil.learn(memory)
"""
PUPIL = """
class Pupil:
    def __init__(self, net):
        self.net = net

    def act(self, state):
        return self.net(state).argmax()

    def learn(self, memory):
        loss = self.net.loss(memory.sample(32))
        loss.backward()
"""


def updated(graph) -> bool:
    [buffer] = graph.buffers
    return graph.priorities(buffer).updated()


def test_what_code_that_is_not_there_makes_of_a_memory_is_not_known(project):
    assert updated(project(memory=MEMORY, train=TRAIN))


@pytest.mark.parametrize(
    ("given", "here"),
    [
        ("pupil.learn(memory)", "pickle.dump(memory, open('memory', 'wb'))"),  # Python's own
        ("pupil.learn(memory)", "pupil.learn(memory.size)"),
        ("pupil.learn(memory)", "net.loss(memory.sample(32)).backward()\n        pupil.learn(memory)"),
    ],
)
def test_who_learns_here_updates_here(project, given, here):
    assert given in TRAIN
    assert not updated(project(memory=MEMORY, train=TRAIN.replace(given, here)))


def test_a_module_that_is_there_is_looked_at(project):
    assert not updated(project(memory=MEMORY, train=TRAIN, pupil=PUPIL))
