"""Arrays whose first axes are no positions."""

import pytest

from per_audit.graph.memory.axes import beside, product, whole_axes

RING = """
    import numpy as np

    class Ring:
        def __init__(self, size, envs):
            self.rows, self.at = np.zeros(({shape})), 0

        def push(self, state):
            self.rows[{index}] = state
            {more}
"""


@pytest.mark.parametrize(
    ("shape", "index", "more", "sizes"),
    [
        ("envs, size, 4", ":, self.at", "pass", ["envs"]),
        ("envs, 2, size", ":, :, self.at", "pass", ["envs", "2"]),
        ("size, envs", "self.at", "pass", []),
        ("size, envs", "self.at, :", "pass", []),
        ("envs, size", ":, self.at", "self.rows[self.at] = state", []),  # which axis is which cannot be told
        ("envs, size", ":self.at, self.at", "pass", []),
        ("envs, size", "::2, self.at", "pass", []),
        ("envs,", ":, self.at", "pass", []),  # of one axis
    ],
)
def test_the_axes_before_that_of_the_positions(project, shape, index, more, sizes):
    graph = project(RING.format(shape=shape, index=index, more=more))
    (container,) = {store.container for store in graph.events.stores.values()}
    assert [graph.source("main.py", size) for size in beside(graph, container)] == sizes


def test_a_list_has_no_other_axes(project):
    graph = project("rows = [None] * size\nrows[at] = 1\n")
    (container,) = {store.container for store in graph.events.stores.values()}
    assert beside(graph, container) == []
    assert whole_axes(None) == 0


def test_the_sizes_multiplied(project):
    graph = project("from settings import envs\nsizes = 3, 4, envs\n")
    items = graph.module("main.py").body[1].value.items
    assert product(graph, "main.py", items[:1]).number == 3
    made = product(graph, "main.py", items)
    assert (made.op, made.args[1].op, made.args[0].op) == ("mul", "external", "mul")
    assert [part.number for part in made.args[0].args] == [3, 4]
