"""Prioritised replay of n-step transitions; a draw is a dictionary of arrays."""

from collections import deque

import numpy as np


class NStepReplay:
    def __init__(self, capacity, steps=3, gamma=0.99, alpha=0.6):
        self.capacity, self.steps, self.gamma, self.alpha = capacity, steps, gamma, alpha
        self.rows = [None] * capacity
        self.priorities = np.zeros(capacity)
        self.window = deque(maxlen=steps)
        self.count = 0

    def append(self, state, action, reward, next_state, terminated, truncated):
        self.window.append((state, action, reward))
        if terminated or truncated:
            while self.window:
                self.put(next_state, terminated)
                self.window.popleft()
        elif len(self.window) == self.steps:
            self.put(next_state, terminated)

    def put(self, next_state, terminated):
        total = 0.0
        for _, _, reward in reversed(self.window):
            total = reward + self.gamma * total
        state, action, _ = self.window[0]
        slot = self.count % self.capacity
        self.rows[slot] = (state, action, total, next_state, terminated, self.gamma ** len(self.window))
        self.priorities[slot] = self.priorities.max() or 1.0
        self.count += 1

    def sample(self, n, beta):
        filled = min(self.count, self.capacity)
        p = self.priorities[:filled] ** self.alpha
        p = p / p.sum()
        slots = np.random.choice(filled, n, p=p)
        weights = (filled * p[slots]) ** -beta
        state, action, reward, next_state, terminated, discount = zip(*[self.rows[slot] for slot in slots])
        return {
            "state": np.stack(state),
            "action": np.array(action),
            "reward": np.array(reward, np.float32),
            "next_state": np.stack(next_state),
            "terminated": np.array(terminated, np.float32),
            "discount": np.array(discount, np.float32),
            "weight": (weights / weights.max()).astype(np.float32),
            "slot": slots,
        }

    def update(self, slots, errors):
        self.priorities[slots] = np.abs(errors) + 1e-6
