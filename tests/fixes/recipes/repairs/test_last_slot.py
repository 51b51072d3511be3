import pytest

from .repairing import changed, check_left, check_repaired, example

CODE = "PER301"
WHOLE = ("self.tree.sum(0, len(self.rows) - 1)", "self.tree.sum(0, len(self.rows))")


@pytest.mark.parametrize("title", ["a recursive segment tree", "the end excluded by a base class", "one file"])
def test_the_sum_goes_to_the_end(title):
    check_repaired(CODE, example(CODE, title), WHOLE)


def test_an_end_by_name():
    files = changed(
        example(CODE, "a recursive segment tree"),
        (f"        total = {WHOLE[0]}", "        last = len(self.rows) - 1\n        total = self.tree.sum(0, last)"),
    )
    check_repaired(CODE, files, ("last = len(self.rows) - 1", "last = len(self.rows)"))


def test_a_name_with_other_uses_is_left():
    files = changed(
        example(CODE, "a recursive segment tree"),
        (
            f"        total = {WHOLE[0]}",
            "        last = len(self.rows) - 1\n        total = self.tree.sum(0, last)\n        print(last)",
        ),
    )
    check_left(CODE, files, "last at memory.py:23 is used elsewhere as well")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("assert total >= 0 and slot_count < len(self.rows) - 1", "goes by len(self.rows) - 1 as well"),
        ("share = 1 / (2 * (len(self.rows) - 1))", "goes by len(self.rows) - 1 as well"),
    ],
)
def test_an_end_that_other_lines_go_by_is_left(line, reason):
    files = changed(
        example(CODE, "a recursive segment tree"),
        (f"        total = {WHOLE[0]}", f"        total, slot_count = {WHOLE[0]}, 0\n        {line}"),
    )
    check_left(CODE, files, reason)


RING = """import random

import numpy as np


class Sums:
    def __init__(self, size):
        self.size, self.node = size, np.zeros(2 * size)

    def put(self, slot, value):
        at = slot + self.size
        self.node[at] = value
        while at > 1:
            at //= 2
            self.node[at] = self.node[2 * at] + self.node[2 * at + 1]

    def sum(self, first, end):
        total, first, end = 0.0, first + self.size, end + self.size
        while first < end:
            if first & 1:
                total += self.node[first]
                first += 1
            if end & 1:
                end -= 1
                total += self.node[end]
            first, end = first // 2, end // 2
        return total

    def find(self, mass):
        at = 1
        while at < self.size:
            at *= 2
            if self.node[at] <= mass:
                mass -= self.node[at]
                at += 1
        return at - self.size


class Memory:
    def __init__(self, size):
        self.size, self.at, self.sums, self.rows = size, 0, Sums(size), [None] * size

    def store(self, state, action, reward, next_state, done):
        self.rows[self.at] = (state, action, reward, next_state, done)
        self.sums.put(self.at, 1.0)
        self.at = (self.at + 1) % self.size

    def sample(self, n):
        total = self.sums.sum(0, self.at - 1)
        slots = [self.sums.find(random.random() * total) for _ in range(n)]
        return [self.rows[slot] for slot in slots], slots

    def update(self, slots, errors):
        for slot, error in zip(slots, errors):
            self.sums.put(slot, (abs(error) + 1e-6) ** 0.6)
"""


def test_a_position_that_starts_again_at_0_is_no_count():
    check_left(CODE, {"memory.py": RING}, "self.at starts again at 0 at memory.py:46")
