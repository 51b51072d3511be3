"""A correct prioritised buffer (ring + sum tree, numpy only) and sound variants of it."""

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
        for slot, td_error in zip(indices, td_errors, strict=True):
            priority = self.magnitude(td_error)
            if not np.isfinite(priority):
                raise ValueError("a TD error is not finite")
            self.set_priority_of(int(slot), priority)

    def set_priority_of(self, slot, priority):
        self.write(slot, priority**self.alpha)
        self.max_priority = max(self.max_priority, priority)


class RankBased(Correct):
    def probabilities(self, slots):
        mass = np.empty(self.size)
        mass[np.argsort(-self.tree[self.width : self.width + self.size])] = np.arange(1, self.size + 1) ** -self.alpha
        return mass[slots] / mass.sum()

    def draw_slots(self, batch_size):
        return self.rng.choice(self.size, batch_size, p=self.probabilities(np.arange(self.size)))


class WeightsUndivided(Correct):
    """Sound: nothing demands a division."""

    def weigh(self, slots):
        return (self.size * self.probabilities(slots)) ** -self.beta


class ProtectsRare(Correct):
    """Sound: large rewards are kept and nothing else changes."""

    rare_kept = True

    def add(self, state, action, reward, next_state, done):
        if self.size == self.capacity:
            while self.items[self.position][2] > 5.0:
                self.position = (self.position + 1) % self.capacity
        super().add(state, action, reward, next_state, done)


class Generations(Correct):
    """Sound: handles carry a generation, so that late updates are recognised."""

    def __init__(self, capacity, alpha=0.6, beta=0.4, seed=None):
        super().__init__(capacity, alpha, beta, seed=seed)
        self.generation = np.zeros(capacity, np.int64)

    def add(self, state, action, reward, next_state, done):
        if self.items[self.position] is not None:
            self.generation[self.position] += 1
        super().add(state, action, reward, next_state, done)

    def pack(self, batch, weights, slots):
        return batch, weights, slots + self.capacity * self.generation[slots]

    def update_priorities(self, indices, td_errors):
        now = np.array([self.generation[index % self.capacity] == index // self.capacity for index in indices])
        super().update_priorities(indices[now] % self.capacity, np.asarray(td_errors)[now])


class WithoutReplacement(Correct):
    """Sound: a batch never holds an item twice."""

    def draw_slots(self, batch_size):
        p = self.tree[self.width : self.width + self.size] / self.tree[1]
        return self.rng.choice(self.size, batch_size, replace=False, p=p)


class Stratified(Correct):
    """Sound: one draw from each of equal parts of the total, as in the paper's appendix."""

    def draw_slots(self, batch_size):
        parts = (np.arange(batch_size) + self.rng.random(batch_size)) / batch_size
        return np.array([self.find(mass) for mass in parts * self.tree[1]])


class Annealed(Correct):
    """Sound: beta rises with every draw."""

    def sample(self, batch_size):
        found = super().sample(batch_size)
        self.beta = min(1.0, self.beta + 0.001)
        return found


class RareShare(Correct):
    """Sound: a quarter of the rows is drawn from the large rewards, and the weights are those of the mixture."""

    share = 0.25

    def rare(self):
        return np.array([slot for slot, item in enumerate(self.items) if item and item[2] > 5.0], dtype=int)

    def draw_slots(self, batch_size):
        slots, rare = super().draw_slots(batch_size), self.rare()
        self.rows = int(self.share * batch_size) if rare.size else 0
        self.batch_size = batch_size
        slots[: self.rows] = self.rng.choice(rare, self.rows) if self.rows else []
        return slots

    def probabilities(self, slots):
        rare = self.rare()
        part = self.rows / self.batch_size
        reserved = np.isin(slots, rare) / max(1, rare.size)
        return (1.0 - part) * super().probabilities(slots) + part * reserved


SOUND = (
    "Correct",
    "WeightsUndivided",
    "ProtectsRare",
    "Generations",
    "WithoutReplacement",
    "RankBased",
    "Stratified",
    "Annealed",
    "RareShare",
)
