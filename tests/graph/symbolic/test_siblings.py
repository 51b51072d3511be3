"""Objects that are held side by side."""

import pytest

from per_audit.facts import ir

TREES = """
    import operator
    import random
    import numpy as np

    class Tree:
        def __init__(self, size, joined, first):
            self.size, self.joined = size, joined
            self.nodes = np.full(2 * size, first)

        def put(self, at, value):
            at += self.size
            self.nodes[at] = value
            while at > 1:
                at //= 2
                self.nodes[at] = self.joined(self.nodes[2 * at], self.nodes[2 * at + 1])

        def __getitem__(self, at):
            return self.nodes[at + self.size]

        def top(self):
            return self.nodes[1]

        def find(self, mass):
            at = 1
            while at < self.size:
                at *= 2
                if mass > self.nodes[at]:
                    mass -= self.nodes[at]
                    at += 1
            return at - self.size

    class Sums(Tree):
        def __init__(self, size):
            super().__init__(size, operator.add, 0.0)

    class Minima(Tree):
        def __init__(self, size):
            super().__init__(size, {joined}, np.inf)

    class Memory:
        def __init__(self, size):
            self.sums, self.minima = {made}

        def push(self, at, error):
            self.sums.put(at, error)
            self.minima.put(at, error)

        def draw(self):
            at = self.{drawn}.find(random.random() * self.sums.top())
            return (self.minima.top() / self.sums.top(), self.sums.top() / self.sums.top(), self.minima.size,
                    self.sums[at], self.minima[at])
"""


@pytest.mark.parametrize("joined", ["min", "np.minimum", "lambda a, b: a if a < b else b", "'min'"])
@pytest.mark.parametrize("made", ["Sums(size), Minima(size)", "Tree(size, operator.add, 0.0), Tree(size, min, np.inf)"])
@pytest.mark.parametrize(("drawn", "apart"), [("sums", True), ("other", False)])
def test_what_one_object_returns_is_not_what_the_other_does(project, joined, made, drawn, apart):
    text = TREES.replace("{joined}", joined).replace("{made}", made).replace("{drawn}", drawn)
    graph = project(text)
    returned = next(n for n in graph.module("main.py").nodes_of(ir.Return) if isinstance(n.value, ir.Seq)).value.items
    quotient, same, size, of_sums, of_minima = (graph.symbols.term("main.py", item) for item in returned)
    assert (quotient.args[0] != quotient.args[1]) is apart
    assert same.args[0] == same.args[1]
    assert not size.args
    assert (of_sums != of_minima) is apart


def test_an_attribute_that_nothing_sets_is_left_as_it_is(project):
    text = TREES.replace("{joined}", "min").replace("{made}", "Sums(size), Minima(size)").replace("{drawn}", "sums")
    text = text.replace("return self.nodes[1]", "return self.unset + self.nodes[1]")
    graph = project(text)
    returned = next(n for n in graph.module("main.py").nodes_of(ir.Return) if isinstance(n.value, ir.Seq)).value.items
    assert graph.symbols.term("main.py", returned[0]).has("field")
