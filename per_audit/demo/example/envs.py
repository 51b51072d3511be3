"""Two small environments, so that numpy is all they need."""

import numpy as np


class Corridor:
    """Walk to the end of a corridor: reward 1 there and 0 everywhere else."""

    length = 8
    limit = 40

    def reset(self):
        """Start an episode at the left end; returns the state."""
        self.position = 0
        self.steps = 0
        return self._state()

    def step(self, action):
        """Go left (0) or right (1); returns state, reward, terminated and truncated."""
        move = 1 if action == 1 else -1
        self.position = min(max(self.position + move, 0), self.length - 1)
        self.steps += 1
        terminated = self.position == self.length - 1
        truncated = self.steps >= self.limit and not terminated
        return self._state(), float(terminated), terminated, truncated

    def _state(self):
        state = np.zeros(self.length, dtype=np.float32)
        state[self.position] = 1.0
        return state


class PointMass:
    """Push a point in the plane to the origin: the reward is minus its distance."""

    limit = 50

    def __init__(self, seed=0):
        self.rng = np.random.default_rng(seed)

    def reset(self):
        """Start an episode at a random place, at rest; returns the state."""
        self.place = self.rng.uniform(-1.0, 1.0, size=2)
        self.speed = np.zeros(2)
        self.steps = 0
        return self._state()

    def step(self, action):
        """Push with a force in [-1, 1] along each axis; returns state, reward, terminated and truncated."""
        self.speed = 0.8 * self.speed + 0.1 * np.clip(action, -1.0, 1.0)
        self.place = np.clip(self.place + self.speed, -2.0, 2.0)
        self.steps += 1
        distance = float(np.linalg.norm(self.place))
        terminated = distance < 0.05
        truncated = self.steps >= self.limit and not terminated
        return self._state(), -distance, terminated, truncated

    def _state(self):
        return np.concatenate([self.place, self.speed]).astype(np.float32)
