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
        for slot, td_error in zip(indices, td_errors, strict=True):
            priority = self.magnitude(td_error)
            if not np.isfinite(priority):
                raise ValueError("a TD error is not finite")
            self.set_priority_of(int(slot), priority)

    def set_priority_of(self, slot, priority):
        self.write(slot, priority**self.alpha)
        self.max_priority = max(self.max_priority, priority)


# --- wrong laws


class AlphaTwice(Correct):
    def magnitude(self, td_error):
        return (abs(td_error) + self.epsilon) ** self.alpha


class AlphaOne(Correct):
    def write(self, slot, value):
        super().write(slot, value ** (1 / self.alpha) if value else 0.0)


class Uniform(Correct):
    def draw_slots(self, batch_size):
        return self.rng.integers(0, self.size, batch_size)


class LastLeafNeverDrawn(Correct):
    def draw_slots(self, batch_size):
        return np.minimum(super().draw_slots(batch_size), self.size - 2)


class OffByOneLeaf(Correct):
    def draw_slots(self, batch_size):
        return (super().draw_slots(batch_size) + 1) % self.size


class HalfTheUpdatesLost(Correct):
    def update_priorities(self, indices, td_errors):
        half = len(indices) // 2
        super().update_priorities(indices[:half], td_errors[:half])


class UpdatesOfOddSlotsLost(Correct):
    def set_priority_of(self, slot, priority):
        if slot % 2 == 0:
            super().set_priority_of(slot, priority)


class OneStaleLeaf(Correct):
    def set_priority_of(self, slot, priority):
        if slot != 13:
            super().set_priority_of(slot, priority)


class RankBased(Correct):
    def probabilities(self, slots):
        mass = np.empty(self.size)
        mass[np.argsort(-self.tree[self.width : self.width + self.size])] = np.arange(1, self.size + 1) ** -self.alpha
        return mass[slots] / mass.sum()

    def draw_slots(self, batch_size):
        return self.rng.choice(self.size, batch_size, p=self.probabilities(np.arange(self.size)))


class RankBasedWithOtherAlpha(RankBased):
    def probabilities(self, slots):
        everything = super().probabilities(np.arange(self.size)) ** 1.5
        return everything[slots] / everything.sum()


class RankBasedWithWeightsByPriority(RankBased):
    def weigh(self, slots):
        weights = (self.size * Correct.probabilities(self, slots)) ** -self.beta
        return weights / weights.max()


class SignedTd(Correct):
    def magnitude(self, td_error):
        return max(td_error, 0.0) + self.epsilon


class SignedTdBreaks(Correct):
    def set_priority_of(self, slot, priority):
        self.write(slot, np.float64(priority) ** self.alpha)

    def magnitude(self, td_error):
        return td_error + self.epsilon


class DrawsEmptySlots(Correct):
    def draw_slots(self, batch_size):
        return self.rng.integers(0, self.capacity, batch_size)

    def pack(self, batch, weights, slots):
        return (
            [item or (np.zeros(4, np.float32), 0, 0.0, np.zeros(4, np.float32), False) for item in batch],
            weights,
            slots,
        )


# --- wrong weights


class WeightsAreProbabilities(Correct):
    def weigh(self, slots):
        return self.probabilities(slots)


class WeightsAllOne(Correct):
    def weigh(self, slots):
        return np.ones(len(slots))


class ZeroWeightsWhenPartFilled(Correct):
    def weigh(self, slots):
        smallest = self.tree[self.width : self.width + self.capacity].min() / self.tree[1]
        with np.errstate(divide="ignore"):
            largest = np.float64(self.size * smallest) ** -self.beta
        return (self.size * self.probabilities(slots)) ** -self.beta / largest


class WeightsByCapacity(Correct):
    def weigh(self, slots):
        return (self.capacity * self.probabilities(slots)) ** -self.beta


class WeightsUndivided(Correct):
    """Sound: nothing demands a division."""

    def weigh(self, slots):
        return (self.size * self.probabilities(slots)) ** -self.beta


# --- wrong beginnings and ends


class NewItemsLow(Correct):
    def first_priority(self):
        return 0.01


class NewItemsAlwaysOne(Correct):
    def first_priority(self):
        return 1.0


class UpdatesIgnored(Correct):
    def set_priority_of(self, slot, priority):
        pass


class NoEpsilon(Correct):
    def magnitude(self, td_error):
        return abs(td_error)


class KeepsNan(Correct):
    def update_priorities(self, indices, td_errors):
        for slot, td_error in zip(indices, td_errors, strict=True):
            self.set_priority_of(int(slot), self.magnitude(td_error))


class Leak(Correct):
    def add(self, state, action, reward, next_state, done):
        self.__dict__.setdefault("history", []).append(reward)
        super().add(state, action, reward, next_state, done)


class Unbounded(Correct):
    def __init__(self, capacity, alpha=0.6, beta=0.4, seed=None):
        super().__init__(100_000, alpha, beta, seed=seed)


class Unseeded(Correct):
    def __init__(self, capacity, alpha=0.6, beta=0.4):
        super().__init__(capacity, alpha, beta)


class SeedIgnored(Correct):
    def draw_slots(self, batch_size):
        return np.array([self.find(mass) for mass in np.random.random(batch_size) * self.tree[1]])


class SameDrawsForAnySeed(Correct):
    def __init__(self, capacity, alpha=0.6, beta=0.4, seed=None):
        super().__init__(capacity, alpha, beta, seed=0)


class Drifts(Correct):
    """Parents follow by differences, in float32."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.tree = np.zeros(2 * self.width, np.float32)

    def write(self, slot, value):
        node = slot + self.width
        change = np.float32(value) - self.tree[node]
        while node:
            self.tree[node] += change
            node //= 2


class ProtectsRare(Correct):
    """Sound: large rewards are kept and nothing else changes."""

    rare_kept = True

    def add(self, state, action, reward, next_state, done):
        if self.size == self.capacity:
            while self.items[self.position][2] > 5.0:
                self.position = (self.position + 1) % self.capacity
        super().add(state, action, reward, next_state, done)


class LosesSomeRare(ProtectsRare):
    def add(self, state, action, reward, next_state, done):
        if reward > 5.0 and sum(1 for item in self.items if item and item[2] > 5.0) >= 3:
            reward = 4.9
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
