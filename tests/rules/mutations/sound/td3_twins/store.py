"""Where transitions and their priorities are."""

import numpy as np
import torch


class Store:
    def __init__(self, capacity, state_dim, action_dim, alpha=0.6):
        self.state = np.zeros((capacity, state_dim), np.float32)
        self.next_state = np.zeros((capacity, state_dim), np.float32)
        self.action = np.zeros((capacity, action_dim), np.float32)
        self.reward = np.zeros((capacity, 1), np.float32)
        self.alive = np.zeros((capacity, 1), np.float32)
        self.priority = np.zeros(capacity)
        self.capacity, self.alpha, self.slot, self.size = capacity, alpha, 0, 0

    def add(self, state, action, reward, next_state, terminated):
        self.state[self.slot], self.next_state[self.slot] = state, next_state
        self.action[self.slot], self.reward[self.slot] = action, reward
        self.alive[self.slot] = 1.0 - terminated
        self.priority[self.slot] = self.priority.max() if self.size else 1.0
        self.slot = (self.slot + 1) % self.capacity
        self.size = min(self.size + 1, self.capacity)

    def sample(self, n, beta):
        mass = self.priority[: self.size] ** self.alpha
        p = mass / mass.sum()
        slots = np.random.choice(self.size, n, p=p)
        weights = (self.size * p[slots]) ** -beta
        weights = weights / weights.max()
        return (
            torch.as_tensor(self.state[slots]),
            torch.as_tensor(self.action[slots]),
            torch.as_tensor(self.reward[slots]),
            torch.as_tensor(self.next_state[slots]),
            torch.as_tensor(self.alive[slots]),
            torch.as_tensor(weights, dtype=torch.float32).unsqueeze(1),
            slots,
        )

    def update(self, slots, errors):
        self.priority[slots] = errors + 1e-6
