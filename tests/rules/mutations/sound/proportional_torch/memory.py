import numpy as np
from sum_tree import SumTree


class PrioritizedMemory:
    def __init__(self, capacity, width, alpha=0.6):
        self.capacity, self.alpha, self.epsilon = capacity, alpha, 1e-6
        self.tree = SumTree(capacity)
        self.states = np.zeros((capacity, width), np.float32)
        self.next_states = np.zeros((capacity, width), np.float32)
        self.actions = np.zeros(capacity, np.int64)
        self.rewards = np.zeros(capacity, np.float32)
        self.terminated = np.zeros(capacity, np.float32)
        self.position, self.size, self.max_priority = 0, 0, 1.0

    def add(self, state, action, reward, next_state, terminated):
        slot = self.position
        self.states[slot], self.next_states[slot] = state, next_state
        self.actions[slot], self.rewards[slot], self.terminated[slot] = action, reward, terminated
        self.tree.set(slot, self.max_priority**self.alpha)
        self.position = (slot + 1) % self.capacity
        self.size = min(self.size + 1, self.capacity)

    def sample(self, batch_size, beta):
        segment = self.tree.total / batch_size
        masses = (np.arange(batch_size) + np.random.rand(batch_size)) * segment
        slots = np.array([self.tree.find(mass) for mass in masses])
        probabilities = self.tree.nodes[slots + self.capacity] / self.tree.total
        weights = (self.size * probabilities) ** -beta
        weights = (weights / weights.max()).astype(np.float32)
        batch = (
            self.states[slots],
            self.actions[slots],
            self.rewards[slots],
            self.next_states[slots],
            self.terminated[slots],
        )
        return batch, weights, slots

    def update_priorities(self, slots, td_errors):
        for slot, error in zip(slots, td_errors):
            priority = abs(float(error)) + self.epsilon
            self.max_priority = max(self.max_priority, priority)
            self.tree.set(slot, priority**self.alpha)
