"""What is drawn as often as it was seen is drawn by no priority."""

import pytest

from per_audit.graph.recognise.draws.counted import is_counted

PROGRAM = """
    import random
    from collections import Counter, defaultdict
    import numpy as np

    class Outcomes:
        def __init__(self):
            self.often = {made}

        def put(self, row, error):
            {put}

        def some(self, n):
            rows = list(self.often.keys())
            p = np.array(list(self.often.values()))
            {some}

    outcomes = Outcomes()
    for row in read():
        outcomes.put(row, abs(row[2]))
    outcomes.some(8)
"""
GET, UP = "self.often[row] = self.often.get(row, 0) + 1", "self.often[row] += 1"
BY_SUM = "return random.choices(rows, weights=p / p.sum(), k=n)"


@pytest.mark.parametrize(
    ("made", "put", "some", "counted"),
    [
        ("{}", GET, BY_SUM, True),
        ("{}", "self.often[row] = 1 + self.often.get(row, 0)", BY_SUM, True),
        ("defaultdict(int)", UP, BY_SUM, True),
        ("{}", f"if row in self.often: {UP}", BY_SUM, True),
        ("{}", GET, "return random.choices(rows, weights=p, k=n)", True),
        ("{}", GET, "return random.choices(rows, weights=p ** 0.5, k=n)", False),
        ("{}", GET, "return random.choices(rows, weights=1 / p, k=n)", False),
        ("{}", GET, "return random.choices(rows, weights=p / p.max(), k=n)", False),
        ("{}", "self.often[row] = error", BY_SUM, False),
        ("{}", "self.often[row] = self.often.get(row, 0) + error", BY_SUM, False),
        ("{}", "self.often[row] = self.other.get(row, 0) + 1", BY_SUM, False),
        ("{}", "self.often[row] = self.often.pop(row, 0) + 1", BY_SUM, False),
        ("defaultdict(float)", "self.often[row] += error", BY_SUM, False),
        ("{}", f"{GET}; self.often[row] = error", BY_SUM, False),
    ],
)
def test_counts_are_no_priorities(project, made, put, some, counted):
    graph = project(PROGRAM.format(made=made, put=put, some=some))
    (draw,) = (draw for draw in graph.events.draws.values() if draw.weighted)
    assert is_counted(graph, draw) == counted
