"""Rows that carry their own priority."""

import pytest

from per_audit.graph.prioritised.priorities.heaps import is_drawn_by_row, keys

HEAP = """
    import heapq

    class Heap:
        def __init__(self):
            self.rows, self.ratings = [], []

        def add(self, error, state, action, reward, next_state, done):
            heapq.heappush(self.rows, (-error, state, action, reward, next_state, done))

        def first(self, n):
            return heapq.nsmallest(n, self.rows)

    def play(env, model):
        memory, state = Heap(), env.reset()
        for step in range(1000):
            next_state, reward, done, _ = env.step(0)
            memory.add(abs(reward - 1), state, 0, reward, next_state, done)
            state = next_state
            for _, s, a, r, s2, end in memory.first(8):
                model.fit(s, r + (1 - end) * model.predict(s2))
"""


def test_the_key_is_followed_to_where_it_is_made(project):
    graph = project(HEAP)
    (buffer,) = graph.buffers
    (write,) = keys(graph.anatomy(buffer))
    assert write.value.op == "abs"
    assert [graph.place(step.path, step.node).line for step in write.steps] == [9, 18]


@pytest.mark.parametrize(
    "code",
    ["heapq.nsmallest(n, self.rows, key=lambda row: row[3])", "heapq.nsmallest(n, self.rows, lambda row: row[3])"],
)
def test_another_order_has_no_keys(project, code):
    graph = project(HEAP.replace("heapq.nsmallest(n, self.rows)", code))
    for buffer in graph.buffers:
        assert not is_drawn_by_row(graph.anatomy(buffer))
        assert keys(graph.anatomy(buffer)) == []
