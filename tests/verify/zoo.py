"""A correct prioritised buffer (ring + sum tree, numpy only) and mutants of it, each wrong in one way."""

from __future__ import annotations

import numpy as np


class Correct:
    """Textbook proportional prioritised replay (Schaul et al. 2016, algorithm 1)."""

    def __init__(self, capacity, alpha=0.6, beta=0.4, epsilon=1e-6, seed=None):
        self.capacity, self.alpha, self.beta, self.epsilon = capacity, alpha, beta, epsilon
        self.rng = np.random.default_rng(seed)
        self.width = 1 << max(0, capacity - 1).bit_length()
        self.tree = np.zeros(2 * self.width)
        self.items = [None] * capacity
        self.position = self.size = 0
        self.max_priority = 1.0

    def __len__(self):
        return self.size

    def add(self, state, action, reward, next_state, done):
        self.items[self.position] = (state, action, reward, next_state, done)
        self.write(self.position, self.first_priority())
        self.position = (self.position + 1) % self.capacity
        self.size = min(self.size + 1, self.capacity)

    def first_priority(self):
        return self.max_priority**self.alpha

    def write(self, slot, value):
        node = slot + self.width
        self.tree[node] = value
        while node > 1:
            node //= 2
            self.tree[node] = self.tree[2 * node] + self.tree[2 * node + 1]

    def find(self, mass):
        node = 1
        while node < self.width:
            node *= 2
            if mass >= self.tree[node] and self.tree[node + 1] > 0:
                mass -= self.tree[node]
                node += 1
        return node - self.width

    def draw_slots(self, batch_size):
        return np.array([self.find(mass) for mass in self.rng.random(batch_size) * self.tree[1]])

    def probabilities(self, slots):
        return self.tree[slots + self.width] / self.tree[1]

    def weigh(self, slots):
        weights = (self.size * self.probabilities(slots)) ** -self.beta
        return weights / weights.max()

    def sample(self, batch_size):
        if self.size < batch_size:
            raise ValueError("not enough transitions")
        slots = self.draw_slots(batch_size)
        return self.pack([self.items[slot] for slot in slots], self.weigh(slots), slots)

    def pack(self, batch, weights, slots):
        return batch, weights, slots

    def magnitude(self, td_error):
        return abs(td_error) + self.epsilon

    def update_priorities(self, indices, td_errors):
        for slot, td_error in zip(indices, td_errors):
            priority = self.magnitude(td_error)
            if not np.isfinite(priority):
                raise ValueError("a TD error is not finite")
            self.set_priority_of(int(slot), priority)

    def set_priority_of(self, slot, priority):
        self.write(slot, priority**self.alpha)
        self.max_priority = max(self.max_priority, priority)
