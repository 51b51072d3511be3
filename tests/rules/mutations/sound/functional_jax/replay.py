import numpy as np


class Replay:
    def __init__(self, capacity, alpha=0.6):
        self.items, self.mass = [None] * capacity, np.zeros(capacity)
        self.capacity, self.alpha, self.added = capacity, alpha, 0

    def put(self, obs, action, reward, next_obs, terminated):
        slot = self.added % self.capacity
        self.items[slot] = (obs, action, reward, next_obs, terminated)
        self.mass[slot] = self.mass.max() or 1.0
        self.added += 1

    def take(self, n, beta):
        filled = min(self.added, self.capacity)
        p = self.mass[:filled] / self.mass[:filled].sum()
        slots = np.random.choice(filled, n, p=p)
        weights = (filled * p[slots]) ** -beta
        return map(np.stack, zip(*[self.items[i] for i in slots])), weights / weights.max(), slots

    def reprioritise(self, slots, errors):
        self.mass[slots] = (np.abs(errors) + 1e-6) ** self.alpha
