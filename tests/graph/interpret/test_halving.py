"""Numbers that are searched for by halves."""

import pytest

from per_audit.graph import PRIORITISED

RANKED = """
    import math
    import random

    class Order:
        def __init__(self):
            self.entries, self.places = {}, {}

        def put(self, priority, name):
            place = self.places.setdefault(name, len(self.entries) + 1)
            self.entries[place] = [priority, name]
            while place > 1 and self.entries[place // 2][0] < self.entries[place][0]:
                above = place // 2
                self.entries[above], self.entries[place] = self.entries[place], self.entries[above]
                self.places[self.entries[above][1]], self.places[self.entries[place][1]] = above, place
                place = above

        def names(self, ranks):
            return [self.entries[rank][1] for rank in ranks]

    class Memory:
        def __init__(self, size):
            self.order, self.rows, self.size, self.count = Order(), {}, size, 0
            self.shares = [(rank + 1) ** -0.7 for rank in range(size)]
            self.sums = [sum(self.shares[: rank + 1]) for rank in range(size)]

        def add(self, state, action, reward, next_state, done):
            self.rows[self.count % self.size] = (state, action, reward, next_state, done)
            self.order.put(1.0, self.count % self.size)
            self.count += 1

        def find(self, number):
            low, high = 0, len(self.sums) - 1
            while low < high:
                {middle}
                if {test}:
                    high = middle
                else:
                    low = middle + 1
            return low + 1

        def sample(self, n, beta):
            ranks = [{drawn} for k in range(n)]
            weights = [(self.size * self.shares[rank - 1]) ** -beta for rank in ranks]
            names = self.order.names(ranks)
            return [self.rows[name] for name in names], weights, names

        def update(self, names, errors):
            for name, error in zip(names, errors):
                self.order.put(abs(error), name)
"""
MIDDLE, TEST = "middle = (low + high) // 2", "self.sums[middle] > number"
DRAWN = "self.find(random.random() * self.sums[-1])"


def kind(project, **changed):
    """The kinds of the buffers in a memory with so much changed."""
    text = RANKED
    for name, code in {"middle": MIDDLE, "test": TEST, "drawn": DRAWN, **changed}.items():
        text = text.replace(f"{{{name}}}", code)
    return [buffer.kind for buffer in project(text).buffers]


@pytest.mark.parametrize(
    "middle",
    [
        MIDDLE,
        "middle = (low + high) >> 1",
        "middle = int((low + high) / 2)",
        "middle = low + (high - low) // 2",
        "middle = (low + high + 1) // 2",
    ],
)
def test_a_number_that_is_searched_for_by_halves_draws_by_priority(project, middle):
    assert kind(project, middle=middle) == [PRIORITISED]


def test_the_middle_may_have_no_name(project):
    test = "number < self.sums[(low + high) // 2]"
    assert kind(project, middle="middle = high - 1", test=test) == [PRIORITISED]


@pytest.mark.parametrize(
    ("middle", "test"),
    [
        ("middle = low + high", TEST),
        ("middle = (low + high) // 3", TEST),
        ("middle = low // 2", TEST),
        ("middle = 2 * low // high", TEST),
        (MIDDLE, "middle > number"),
        (MIDDLE, "self.sums[low] > number"),
    ],
)
def test_a_number_that_is_compared_in_another_way_is_not_searched_for(project, middle, test):
    assert kind(project, middle=middle, test=test) == []


def test_a_number_that_is_compared_with_the_middle_outside_of_a_loop_is_not_searched_for(project):
    text = RANKED.replace("{middle}", "break").replace("{test}", TEST).replace("{drawn}", DRAWN)
    text = text.replace("return low + 1", "middle = (low + high) // 2\n            return self.sums[middle] > number")
    assert project(text).buffers == []
