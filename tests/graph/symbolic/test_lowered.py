"""Attributes that are the smallest or the largest of what they were given."""

import pytest

from per_audit.graph.symbolic.lowered import is_lowered, kept_by_test

KEPT = """
    import numpy as np

    class Kept:
        def __init__(self):
            self.least = 1.0

        def enter(self, p, q):
            {code}

    Kept().enter(0.5, 0.6)
"""


def kept(project, code):
    graph = project(KEPT.format(code=code))
    symbols = graph.symbols
    (cls,) = (node for node in graph.module("main.py").body if getattr(node, "name", "") == "Kept")
    field = symbols.field(cls, "least")
    found = [(value, write) for value, write, _ in symbols.written(field) if write.function.name == "enter"]
    ((value, write),) = found
    return is_lowered(symbols, field, value, write), kept_by_test(symbols, field, write)


@pytest.mark.parametrize(
    ("code", "known"),
    [
        ("self.least = min(self.least, p)", (True, None)),
        ("self.least = min(p, self.least)", (True, None)),
        ("self.least = np.minimum(p, self.least)", (True, None)),
        ("self.least = min(self.least + 1, p)", (False, None)),
        ("self.least = min(p, q)", (False, None)),
        ("self.least = max(self.least, p)", (False, None)),
        ("self.least = p", (False, None)),
        ("if p < self.least:\n                self.least = p", (True, "minimum")),
        ("if p <= self.least:\n                self.least = p", (True, "minimum")),
        ("if self.least > p:\n                self.least = p", (True, "minimum")),
        ("if self.least < p:\n                self.least = p", (False, "maximum")),
        ("if p > self.least:\n                self.least = p", (False, "maximum")),
        ("if p < self.least:\n                pass\n            else:\n                self.least = p", (False, None)),
        ("if p < self.least:\n                self.least = q", (False, None)),
        ("if q < self.least:\n                self.least = p", (False, None)),
        ("if p < self.least < q:\n                self.least = p", (False, None)),
        ("if p == self.least:\n                self.least = p", (False, None)),
        ("if q:\n                self.least = p", (False, None)),
    ],
)
def test_what_an_attribute_keeps(project, code, known):
    assert kept(project, code) == known
