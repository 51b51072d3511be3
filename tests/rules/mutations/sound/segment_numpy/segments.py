import numpy as np


class Segments:
    def __init__(self, capacity):
        self.capacity = capacity
        self.sums = np.zeros(2 * capacity)

    def __getitem__(self, slot):
        return self.sums[self.capacity + slot]

    def __setitem__(self, slot, priority):
        node = self.capacity + slot
        change = priority - self.sums[node]
        self.sums[node] = priority
        while node > 1:
            node //= 2
            self.sums[node] += change

    def total(self):
        return self.sums[1]

    def sum(self, begin, end):
        result, begin, end = 0.0, begin + self.capacity, end + self.capacity
        while begin < end:
            if begin % 2:
                result += self.sums[begin]
                begin += 1
            if end % 2:
                end -= 1
                result += self.sums[end]
            begin, end = begin // 2, end // 2
        return result

    def search(self, mass):
        node = 1
        while node < self.capacity:
            node *= 2
            if mass >= self.sums[node] and self.sums[node + 1] > 0:
                mass -= self.sums[node]
                node += 1
        return node - self.capacity
