"""How many are drawn at once."""

import pytest

from per_audit.graph.prioritised.draws.counts import drawn_at_once

CODE = """
    import numpy as np

    class Memory:
        def __init__(self, size):
            self.rows, self.mass, self.at = [None] * size, np.zeros(size), 0

        def push(self, state, action, reward, next_state, done):
            self.rows[self.at] = (state, action, reward, next_state, done)
            self.mass[self.at] = self.mass.max() if self.at else 1.0
            self.at = (self.at + 1) % len(self.rows)

        def sample(self, n):
            p = self.mass / self.mass.sum()
            at = DRAWN
            return [self.rows[i] for i in at], at, (len(self.rows) * p[at]) ** -0.5

        def update(self, at, errors):
            self.mass[at] = np.abs(errors) + 1e-6
"""


@pytest.mark.parametrize(
    ("drawn", "counts"),
    [
        ("np.random.choice(len(self.rows), n, p=p)", {"param[sample.n]"}),
        ("np.random.choice(len(self.rows), size=32, p=p)", {"const[32]"}),
        ("[np.random.choice(len(self.rows), p=p) for _ in range(n)]", {"param[sample.n]"}),
        ("np.random.choice(len(self.rows), p=p)", set()),
    ],
)
def test_how_many_a_draw_takes(project, drawn, counts):
    graph = project(CODE.replace("DRAWN", drawn))
    (buffer,) = graph.buffers
    assert {repr(term) for term in drawn_at_once(graph, buffer)} == counts


def test_what_callers_give_is_how_many_a_draw_takes(project):
    used = "\n    def learn(memory: Memory, many=64):\n        return memory.sample(many)\n"
    graph = project(CODE.replace("DRAWN", "np.random.choice(len(self.rows), n, p=p)") + used)
    (buffer,) = graph.buffers
    assert {repr(term) for term in drawn_at_once(graph, buffer)} == {
        "param[sample.n]",
        "param[learn.many]",
        "const[64]",
    }
