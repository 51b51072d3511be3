from __future__ import annotations

import numpy as np
import pytest

from per_audit.verify.cartpole import CartPole, Network
from per_audit.verify.efficiency import UniformMemory


def test_the_gradient_is_that_of_the_loss():
    """Where Adam's first step goes: by the step size against the sign of each slope, taken numerically here."""
    network = Network(np.random.default_rng(0))
    states, goal = np.random.default_rng(1).normal(size=(5, 4)), np.random.default_rng(2).normal(size=(5, 2))
    before = [layer.copy() for layer in network.layers]

    def loss(layers):
        return 0.5 * float(np.sum((network.values(states, layers) - goal) ** 2))

    inputs = []
    network.learn(inputs, network.values(states, inputs=inputs) - goal, 1e-3)
    for place, layer in enumerate(before):
        spots = np.argsort(-np.abs(network.layers[place] - layer).ravel())[:3]
        for spot in spots:
            moved = [other.copy() for other in before]
            moved[place].flat[spot] += 1e-5
            slope = (loss(moved) - loss(before)) / 1e-5
            assert np.isclose(network.layers[place].flat[spot] - layer.flat[spot], -1e-3 * np.sign(slope), rtol=0.01)


class Walk:
    """An environment that ends an episode after seven steps; what was done and when it was reset is kept."""

    def __init__(self):
        self.seeds, self.steps = [], 0

    def reset(self, seed):
        self.seeds.append(seed)
        self.steps = 0
        return np.zeros(4), {}

    def step(self, action):
        self.steps += 1
        return np.full(4, 0.1 * self.steps), 1.0, self.steps == 7, False, {}


class Kept(UniformMemory):
    def __init__(self, seed):
        super().__init__(seed)
        self.added, self.errors = [], []

    def add(self, tid, reward, td, done):
        super().add(tid, reward, td, done)
        self.added.append((tid, done))

    def update(self, handles, td):
        self.errors.append(td)


def test_every_step_is_stored_and_its_length_counts():
    memory = Kept(0)
    score = CartPole(Walk).learn(memory, np.random.default_rng(0), True, 1e-3, 700)
    assert [tid for tid, _ in memory.added] == list(range(700))
    assert [tid for tid, done in memory.added if done] == list(range(6, 700, 7))
    assert score == 350 / 51
    assert len(memory.errors) == 100
    assert all(np.isfinite(td).all() and (td >= 0).all() and td.shape == (32,) for td in memory.errors)


def test_the_same_generator_gives_the_same_run():
    runs = []
    for _ in range(2):
        memory = Kept(3)
        CartPole(Walk).learn(memory, np.random.default_rng(4), True, 1e-3, 520)
        runs.append(np.concatenate(memory.errors).tolist())
    assert runs[0] == runs[1]


class Weightless(Kept):
    def draw(self, batch):
        return *super().draw(batch)[:2], np.zeros(batch)


@pytest.mark.parametrize(("kind", "alike"), [(Kept, False), (Weightless, True)])
def test_the_weights_are_in_the_loss(kind, alike):
    """With weights of 0 nothing is learnt, at whatever step size."""
    errors = []
    for step in (1e-3, 1e-2):
        memory = kind(0)
        CartPole(Walk).learn(memory, np.random.default_rng(0), True, step, 600)
        errors.append(np.concatenate(memory.errors))
    assert np.array_equal(*errors) == alike
