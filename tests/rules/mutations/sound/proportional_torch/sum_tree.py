import numpy as np


class SumTree:
    def __init__(self, capacity):
        self.capacity = capacity
        self.nodes = np.zeros(2 * capacity)

    @property
    def total(self):
        return self.nodes[1]

    def set(self, slot, priority):
        node = slot + self.capacity
        self.nodes[node] = priority
        node //= 2
        while node:
            self.nodes[node] = self.nodes[2 * node] + self.nodes[2 * node + 1]
            node //= 2

    def find(self, mass):
        node = 1
        while node < self.capacity:
            left = 2 * node
            if mass < self.nodes[left] or self.nodes[left + 1] == 0:
                node = left
            else:
                mass -= self.nodes[left]
                node = left + 1
        return node - self.capacity
