"""Rank-based prioritised replay: the probability of a transition falls with the rank of its TD error."""

import numpy as np


class RankedMemory:
    def __init__(self, capacity, width, alpha=0.7):
        self.states = np.zeros((capacity, width), np.float32)
        self.next_states = np.zeros((capacity, width), np.float32)
        self.actions = np.zeros(capacity, np.int64)
        self.rewards = np.zeros(capacity, np.float32)
        self.terminated = np.zeros(capacity, np.float32)
        self.errors = np.zeros(capacity)
        self.capacity, self.alpha, self.count = capacity, alpha, 0

    def add(self, state, action, reward, next_state, terminated):
        slot = self.count % self.capacity
        self.states[slot], self.next_states[slot] = state, next_state
        self.actions[slot], self.rewards[slot], self.terminated[slot] = action, reward, terminated
        self.errors[slot] = self.errors.max() if self.count else 1.0
        self.count += 1

    def sample(self, n, beta):
        filled = min(self.count, self.capacity)
        ranks = np.empty(filled)
        ranks[np.argsort(-self.errors[:filled])] = np.arange(1, filled + 1)
        p = (1 / ranks) ** self.alpha
        p = p / p.sum()
        slots = np.random.choice(filled, n, p=p)
        weights = (filled * p[slots]) ** -beta
        weights = weights / weights.max()
        batch = (
            self.states[slots],
            self.actions[slots],
            self.rewards[slots],
            self.next_states[slots],
            self.terminated[slots],
        )
        return batch, slots, weights.astype(np.float32)

    def update(self, slots, errors):
        self.errors[slots] = np.abs(errors) + 1e-6
