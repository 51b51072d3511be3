"""Five prioritised buffers by the interfaces that tutorials and notebooks give them, each with its defect and without.

A subclass named `...Right` differs in the defect alone.
"""

from __future__ import annotations

import random
from collections import deque

import numpy as np


class AlphaAtTheUpdate:
    """add / sample -> (rows, weights, indices) / update_priorities; alpha at the update and at the draw."""

    def __init__(self, capacity, alpha=0.6, beta=0.4, beta_increment=0.001):
        self.capacity, self.alpha, self.beta, self.beta_increment = capacity, alpha, beta, beta_increment
        self.epsilon, self.top, self.next = 1e-6, 1.0, 0
        self.rows, self.priority = [], np.zeros(capacity)

    def add(self, state, action, reward, next_state, done):
        if len(self.rows) < self.capacity:
            self.rows.append(None)
        self.rows[self.next] = (state, action, reward, next_state, done)
        self.priority[self.next] = self.top
        self.next = (self.next + 1) % self.capacity

    def sample(self, batch_size):
        count = len(self.rows)
        if count < batch_size:
            raise ValueError("too few transitions")
        share = self.priority[:count] ** self.alpha
        share /= share.sum()
        chosen = np.random.choice(count, batch_size, p=share)
        weights = (count * share[chosen]) ** -self.beta
        self.beta = min(1.0, self.beta + self.beta_increment)
        return [self.rows[index] for index in chosen], weights / weights.max(), chosen

    def update_priorities(self, indices, td_errors):
        for index, error in zip(indices, td_errors, strict=True):
            value = self.value(error)
            if not np.isfinite(value):
                raise ValueError("a TD error is not finite")
            self.priority[index] = value
            self.top = max(self.top, value)

    def value(self, error):
        return (abs(error) + self.epsilon) ** self.alpha


class AlphaAtTheUpdateRight(AlphaAtTheUpdate):
    def value(self, error):
        return abs(error) + self.epsilon


class WeightsForEachPart:
    """Three buffers of which a batch is made: 70 % prioritised, 20 % recent, 10 % rare, with weights w, 1 and 2."""

    def __init__(self, capacity):
        self.main = AlphaAtTheUpdateRight(capacity)
        self.alpha, self.beta = self.main.alpha, self.main.beta
        self.recent, self.rare = deque(maxlen=int(capacity * 0.2)), deque(maxlen=max(1, int(capacity * 0.1)))

    def add(self, state, action, reward, next_state, done):
        self.main.add(state, action, reward, next_state, done)
        self.recent.append((state, action, reward, next_state, done))
        if abs(reward) > 5.0:
            self.rare.append((state, action, reward, next_state, done))

    def sample(self, batch_size):
        first, second = int(batch_size * 0.7), int(batch_size * 0.2)
        rare = random.choices(self.rare, k=batch_size - first - second) if self.rare else []
        rows, weights, indices = self.main.sample(batch_size - second - len(rare))
        recent = random.choices(self.recent, k=second)
        whole = np.concatenate([weights, np.ones(len(recent)), np.full(len(rare), 2.0)])
        return rows + recent + rare, whole, indices

    def update_priorities(self, indices, td_errors):
        self.main.update_priorities(indices, td_errors[: len(indices)])


class ProbabilitiesAsWeights:
    """push / sample -> 7-tuple whose last field holds the probabilities, for the weights that nobody computes."""

    def __init__(self, capacity, alpha=0.6, epsilon=1e-6):
        self.capacity, self.alpha, self.epsilon = capacity, alpha, epsilon
        self.rows, self.priorities, self.next = [], [], 0

    def push(self, state, action, reward, next_state, done):
        top = max(self.priorities) if self.priorities else 1.0
        if len(self.rows) < self.capacity:
            self.rows.append(None)
            self.priorities.append(top)
        self.rows[self.next] = (state, action, reward, next_state, done)
        self.priorities[self.next] = top
        self.next = (self.next + 1) % self.capacity

    def sample(self, batch_size):
        share = np.array(self.priorities) ** self.alpha
        share /= share.sum()
        chosen = np.random.choice(len(self.rows), batch_size, p=share)
        columns = zip(*[self.rows[index] for index in chosen], strict=True)
        return (*(np.array(column) for column in columns), chosen, self.last(share[chosen]))

    def last(self, share):
        return share

    def update_priorities(self, indices, td_errors):
        if not np.all(np.isfinite(td_errors)):
            raise ValueError("a TD error is not finite")
        for index, error in zip(indices, td_errors, strict=True):
            self.priorities[index] = abs(error) + self.epsilon


class ProbabilitiesAsWeightsRight(ProbabilitiesAsWeights):
    beta = 0.4

    def last(self, share):
        weights = (len(self.rows) * share) ** -self.beta
        return weights / weights.max()


class DifferencesInFloat32:
    """store with a priority / sample(n, beta) / update_priority one by one; the tree adds differences in float32."""

    kind = np.float32

    def __init__(self, capacity, alpha=0.6):
        self.capacity, self.alpha = capacity, alpha
        self.tree, self.buffer, self.position = np.zeros(2 * capacity - 1, self.kind), [], 0

    def store(self, state, action, reward, next_state, done, priority):
        if len(self.buffer) < self.capacity:
            self.buffer.append(None)
        self.buffer[self.position] = (state, action, reward, next_state, done)
        self.update_priority(self.position, priority)
        self.position = (self.position + 1) % self.capacity

    def update_priority(self, index, priority):
        if not np.isfinite(priority):
            raise ValueError("a priority is not finite")
        node, priority = index + self.capacity - 1, max(priority, 1e-6)
        change = self.kind(priority**self.alpha) - self.tree[node]
        self.tree[node] += change
        while node:
            node = (node - 1) // 2
            self.carry(node, change)

    def carry(self, node, change):
        self.tree[node] += change

    def leaf(self, mass):
        node = 0
        while 2 * node + 1 < len(self.tree):
            node = 2 * node + 1
            if mass > self.tree[node]:
                mass -= self.tree[node]
                node += 1
        return node - self.capacity + 1, float(self.tree[node])

    def sample(self, batch_size, beta=0.4):
        width = float(self.tree[0]) / batch_size
        found = [self.leaf(random.uniform(width * part, width * (part + 1))) for part in range(batch_size)]
        shares = np.array([priority for _, priority in found]) / float(self.tree[0])
        weights = (shares * len(self.buffer)) ** -beta
        rows = [self.buffer[index] for index, _ in found]
        return rows, [index for index, _ in found], (weights / weights.max()).tolist()


class DifferencesInFloat32Right(DifferencesInFloat32):
    kind = np.float64

    def carry(self, node, change):
        self.tree[node] = self.tree[2 * node + 1] + self.tree[2 * node + 2]


class RanksOfRows:
    """add_experience / draw_samples() of a fixed size; ranks along the axis that has length 1."""

    def __init__(self, obs_shape, max_len, batch_size, alpha, beta, beta_increment):
        self.max_len, self.batch_size, self.alpha = max_len, batch_size, alpha
        self.beta, self.beta_increment, self.at, self.count = beta, beta_increment, 0, 0
        self.columns = [np.zeros((max_len, width), np.float32) for width in (*obs_shape, 1, 1, *obs_shape, 1)]
        self.priorities = np.zeros((max_len, 1), np.float32)

    def add_experience(self, obs, action, reward, next_obs, done):
        for column, value in zip(self.columns, (obs, action, reward, next_obs, done), strict=True):
            column[self.at] = value
        self.priorities[self.at] = self.priorities.max() if self.count else 1.0
        self.at = (self.at + 1) % self.max_len
        self.count = min(self.count + 1, self.max_len)

    def ranks(self):
        return np.argsort(-self.priorities[: self.count], axis=1) + 1

    def draw_samples(self):
        mass = (1.0 / self.ranks()) ** self.alpha
        share = mass / mass.sum()
        chosen = np.random.choice(self.count, self.batch_size, replace=False, p=share.squeeze(1))
        weights = (1.0 / (self.count * share[chosen])) ** self.beta
        self.beta = min(self.beta + self.beta_increment, 1.0)
        return (*(column[chosen] for column in self.columns), chosen, weights)

    def update_priority(self, idxs, td_errors):
        if not np.all(np.isfinite(td_errors)):
            raise ValueError("a TD error is not finite")
        self.priorities[idxs] = np.abs(td_errors)


class RanksOfRowsRight(RanksOfRows):
    def ranks(self):
        ranks = np.empty((self.count, 1))
        ranks[np.argsort(-self.priorities[: self.count, 0], kind="stable"), 0] = np.arange(1, self.count + 1)
        return ranks
