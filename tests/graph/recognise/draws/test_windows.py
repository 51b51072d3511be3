"""Windows of several steps begin where a draw says."""

import pytest

from per_audit.graph.recognise.draws.windows import begins_windows

CODE = """
    import itertools
    import numpy as np

    class Ring:
        def __init__(self, size):
            self.rows = np.zeros((size, 4))

        def sample(self, n):
            at = np.random.randint(0, len(self.rows), n)
            return {read}
"""


@pytest.mark.parametrize(
    ("read", "found"),
    [
        ("self.rows[at]", False),
        ("self.rows[at + 1]", False),
        ("self.rows[(at - 1) % len(self.rows)]", False),
        ("self.rows[at], np.arange(n)", False),
        ("self.rows[at[:, None] + np.arange(8)]", True),
        ("[self.rows[i : i + 8] for i in at]", True),
        ("[self.rows[list(range(i, i + 8))] for i in at]", True),
        ("[list(itertools.islice(self.rows, i, i + 8)) for i in at]", True),
    ],
)
def test_what_is_counted_on_from_a_drawn_place(project, read, found):
    graph = project(CODE.replace("{read}", read))
    (draw,) = graph.events.draws
    (path,) = graph.project.modules
    assert begins_windows(graph, path, draw) is found
