"""Weights that never leave the function that computes them."""

import pytest

from per_audit.graph.prioritised.weights.unused import are_left_behind

MEMORY = """
    import numpy as np

    class Memory:
        def __init__(self, size):
            self.rows, self.priorities = [None] * size, np.zeros(size)

        def push(self, at, state, action, reward, next_state, done):
            self.rows[at] = (state, action, reward, next_state, done)
            self.priorities[at] = 1.0

        def sample(self, n, beta):
            p = self.priorities / self.priorities.sum()
            at = np.random.choice(len(self.rows), n, p=p)
            w = (len(self.rows) * p[at]) ** -beta
            {code}

        def update(self, at, errors):
            self.priorities[at] = np.abs(errors)
"""


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("return [self.rows[i] for i in at]", True),
        ("w /= np.max(w); return [self.rows[i] for i in at]", True),
        ("return [self.rows[i] for i in at], w", False),
        ("self.last = w; return [self.rows[i] for i in at]", False),
        ("keep(w); return [self.rows[i] for i in at]", False),
        ("held = [w]; return [self.rows[i] for i in at]", True),
        ("held = lambda: w; return [self.rows[i] for i in at]", False),
        ("yield w", False),
    ],
)
def test_whether_weights_get_out(project, code, expected):
    graph = project(MEMORY.format(code=code))
    (buffer,) = graph.buffers
    assert are_left_behind(graph.priorities(buffer)) is expected


def test_a_buffer_without_weights_leaves_none_behind(project):
    text = MEMORY.format(code="return [self.rows[i] for i in at]").replace("w = (len(self.rows) * p[at]) ** -beta", "")
    graph = project(text)
    (buffer,) = graph.buffers
    assert not are_left_behind(graph.priorities(buffer))
