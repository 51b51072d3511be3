"""CartPole, learnt by a small network in NumPy: what a replay buffer under test has to keep up with."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

STEPS = 10_000
"""Steps of the environment in a run."""

_BATCH = 32
_HIDDEN = 64
_DISCOUNT = 0.99
_FIRST_UPDATE = 500
_STEPS_AN_UPDATE = 2
_STEPS_A_TARGET = 250
_GREEDY_AFTER = 3_000
_LEAST_RANDOM = 0.05
_LONGEST = 500


class Network:
    """Values of two actions by a network 4-64-64-2 with rectifiers, taught by Adam. No error and no gradient is cut."""

    def __init__(self, rng: np.random.Generator) -> None:
        sizes = (4, _HIDDEN, _HIDDEN, 2)
        self.layers: list[Array] = []
        for inputs, outputs in itertools.pairwise(sizes):
            self.layers += [rng.normal(0.0, np.sqrt(2.0 / inputs), (inputs, outputs)), np.zeros(outputs)]
        self._mean = [np.zeros_like(layer) for layer in self.layers]
        self._square = [np.zeros_like(layer) for layer in self.layers]
        self._updates = 0

    def values(self, states: Array, layers: list[Array] | None = None, inputs: list[Array] | None = None) -> Array:
        """Values (B, 2) of states (B, 4); by other `layers` where given. What enters each layer goes to `inputs`."""
        known = self.layers if layers is None else layers
        passed = states
        for place in range(0, len(known), 2):
            if inputs is not None:
                inputs.append(passed)
            passed = passed @ known[place] + known[place + 1]
            if place < len(known) - 2:
                passed = np.maximum(passed, 0.0)
        return passed

    def learn(self, inputs: list[Array], gradient: Array, step: float) -> None:
        """One step against `gradient` (B, 2) of the loss by the values that `inputs` led to."""
        self._updates += 1
        scale = step * np.sqrt(1.0 - 0.999**self._updates) / (1.0 - 0.9**self._updates)
        for place in reversed(range(0, len(self.layers), 2)):
            entered = inputs[place // 2]
            found = entered.T @ gradient, gradient.sum(axis=0)
            gradient = (gradient @ self.layers[place].T) * (entered > 0.0)
            for layer, slope in zip((place, place + 1), found, strict=True):
                mean, square = self._mean[layer], self._square[layer]
                mean += 0.1 * (slope - mean)
                square += 0.001 * (slope * slope - square)
                self.layers[layer] -= scale * mean / (np.sqrt(square) + 1e-8)


class CartPole:
    """A Q-learner with a target network on CartPole: 10,000 steps, an update of 32 rows every other step.

    `environment()` makes a CartPole of gymnasium. The buffer holds the numbers of the steps; what happened in each is
    the learner's own. Importance-sampling weights multiply the loss where draws return them.
    """

    capacity = STEPS
    batch = _BATCH

    def __init__(self, environment: Any) -> None:
        self._environment = environment

    def learn(self, adapter: Any, rng: np.random.Generator, prioritised: bool, step: float, most: int) -> float:
        """The mean length of the episodes in the second half of `most` steps, 500 at most each."""
        world, network = self._environment(), Network(rng)
        target = [layer.copy() for layer in network.layers]
        states, after = np.zeros((most, 4)), np.zeros((most, 4))
        actions, ends = np.zeros(most, dtype=np.int64), np.zeros(most, dtype=bool)
        state, length, episodes = self._reset(world, rng), 0, 0
        for now in range(most):
            greedy = rng.random() >= max(_LEAST_RANDOM, 1.0 - now / _GREEDY_AFTER)
            action = int(network.values(state).argmax()) if greedy else int(rng.integers(2))
            states[now], actions[now] = state, action
            after[now], _, ends[now], _, _ = world.step(action)
            adapter.add(now, 1.0, 1.0, bool(ends[now]))
            state, length = after[now], length + 1
            if ends[now] or length == _LONGEST:
                state, length = self._reset(world, rng), 0
                episodes += now >= most // 2
            if now >= _FIRST_UPDATE and now % _STEPS_AN_UPDATE == 0:
                rows, handles, weights = adapter.draw(self.batch)
                following = network.values(after[rows], target).max(axis=1)
                inputs: list[Array] = []
                values = network.values(states[rows], inputs=inputs)
                chosen = np.arange(len(rows)), actions[rows]
                td = 1.0 + _DISCOUNT * ~ends[rows] * following - values[chosen]
                if prioritised:
                    adapter.update(handles, np.abs(td))
                gradient = np.zeros_like(values)
                gradient[chosen] = -(td if weights is None else weights * td) / len(rows)
                network.learn(inputs, gradient, step)
            if now % _STEPS_A_TARGET == 0:
                target = [layer.copy() for layer in network.layers]
        return (most - most // 2) / (episodes + 1)

    def at_random(self, rng: np.random.Generator, most: int) -> float:
        """The mean length of an episode of random actions, over `most` steps."""
        world, episodes, length = self._environment(), 0, 0
        self._reset(world, rng)
        for _ in range(most):
            _, _, ended, _, _ = world.step(int(rng.integers(2)))
            length += 1
            if ended or length == _LONGEST:
                self._reset(world, rng)
                episodes, length = episodes + 1, 0
        return most / (episodes + 1)

    @staticmethod
    def _reset(world: Any, rng: np.random.Generator) -> Any:
        return world.reset(seed=int(rng.integers(2**31)))[0]
