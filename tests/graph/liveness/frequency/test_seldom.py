"""What is done once in many steps."""

import pytest

from per_audit.facts import ir
from per_audit.graph.liveness.frequency.seldom import is_seldom

MEMORY = """
    class Memory:
        def __init__(self, mass, every=1_000):
            self.mass, self.count, self.every, self.best, self.at = mass, 0, every, 1.0, 0

        def add(self, p):
            {body}

    Memory([1.0, 2.0]).add(1.0)
"""


@pytest.mark.parametrize(
    ("body", "seldom"),
    [
        ("self.best = max(self.mass)", False),
        ("if self.count % 1_000 == 0:\n    self.best = max(self.mass)", True),
        ("if self.count % 4 == 0:\n    self.best = max(self.mass)", False),  # every fourth step is often
        ("if self.count % 1_000 != 0:\n    self.best = max(self.mass)", False),
        ("if self.count % 1_000 == 0:\n    pass\nelse:\n    self.best = max(self.mass)", False),
        ("if self.count >= self.every:\n    self.best, self.count = max(self.mass), 0", True),
        ("if self.count >= 4:\n    self.best, self.count = max(self.mass), 0", False),
        ("if self.mass[self.at] == self.best:\n    self.best = max(self.mass)", True),
        ("if self.count < len(self.mass):\n    self.count = self.count + 1\n    self.best = max(self.mass)", False),
        ("if p is None:\n    p = max(self.mass)", False),
        ("if self.best is None:\n    self.best = max(self.mass)", False),
        ("if self.mass:\n    self.best = max(self.mass)", False),
        # a counter that the method raises is 0 at first
        ("p = max(self.mass) if self.count == 0 else 1.0\nself.count = min(self.count + 1, self.every)", True),
        ("p = 1.0 if self.count else max(self.mass)\nself.count += 1", True),
        ("p = max(self.mass) if self.count else 1.0\nself.count += 1", False),
        ("if not self.at:\n    p = max(self.mass)\nself.at = (self.at + 1) % self.every", True),
        ("if not self.at:\n    p = max(self.mass)\nself.at = (self.at + 1) % 4", False),
        ("if self.count == 0:\n    p = max(self.mass)\nself.count += 1\nif p:\n    self.count = 0", False),
        ("if self.count == 0:\n    p = max(self.mass)", False),
    ],
)
def test_branches_that_are_taken_once_in_many_passes(project, body, seldom):
    graph = project(MEMORY.format(body=body.replace("\n", "\n            ")))
    calls = (n for n in ir.walk(*graph.module("main.py").body) if isinstance(n, ir.Call))
    (node,) = (n for n in calls if isinstance(n.func, ir.Name) and n.func.id == "max")
    assert is_seldom(graph, "main.py", node) is seldom


KEPT = """
    class Memory:
        def __init__(self, mass):
            self.mass, self.best = mass, 1.0

        def set(self, i, p):
            stale = False
            {body}
            self.mass[i] = p
            if stale:
                self.refill()

        def refill(self):
            self.best = max(self.mass)

    Memory([1.0, 2.0]).set(0, 1.0)
"""


@pytest.mark.parametrize(
    ("body", "seldom"),
    [
        ("if self.mass[i] == self.best:\n    stale = True", True),
        ("if self.best == self.mass[i]:\n    stale = p < self.best", True),
        ("stale = True", False),
        ("if p > 0:\n    stale = True", False),
        ("if self.mass[i] == self.best:\n    stale = True\nif p > 1:\n    stale = True", False),
        ("self.refill()", False),
    ],
)
def test_what_is_looked_for_where_it_was_overwritten(project, body, seldom):
    graph = project(KEPT.format(body=body.replace("\n", "\n            ")))
    calls = (n for n in ir.walk(*graph.module("main.py").body) if isinstance(n, ir.Call))
    (node,) = (n for n in calls if isinstance(n.func, ir.Name) and n.func.id == "max")
    assert is_seldom(graph, "main.py", node) is seldom


TOLD = """
class Memory:
    def find(self, mass):
        {body}

Memory().find(1.0)
"""


@pytest.mark.parametrize(
    ("body", "seldom"),
    [
        ("if mass > self.total:\n    print(mass, sum(self.leaves))", True),
        ("if mass > self.total:\n    raise ValueError(sum(self.leaves))", True),
        ("if mass > self.total:\n    mass = sum(self.leaves)", False),
        ("print(mass, sum(self.leaves))", False),
    ],
)
def test_what_a_test_has_told(project, body, seldom):
    graph = project(TOLD.format(body=body.replace("\n", "\n        ")))
    calls = (n for n in ir.walk(*graph.module("main.py").body) if isinstance(n, ir.Call))
    (node,) = (n for n in calls if isinstance(n.func, ir.Name) and n.func.id == "sum")
    assert is_seldom(graph, "main.py", node) is seldom
