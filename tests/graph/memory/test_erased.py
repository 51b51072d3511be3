"""Transitions that are gone before anything is learnt from them."""

import pytest

from per_audit.graph.memory.erased import is_erased

PROGRAM = """
    import random
    from collections import deque

    class Past:
        def __init__(self):
            self.rows, self.rest = deque(maxlen=900), deque(maxlen=900)

        def put(self, state, action, reward, next_state, done):
            self.rows.append((state, action, reward, next_state, done))

        def some(self, n):
            return random.sample(self.rows, n)

        def forget(self):
            {forget}

    def warm(env, past):
        state = env.reset()
        for _ in range(100):
            next_state, reward, done, cut, _ = env.step(0)
            past.put(state, 0, reward, next_state, done or cut)
            state = next_state
            {inside}

    def learn(net, past):
        net.loss(past.some(32)).backward()

    def main(env, net):
        past = Past()
        warm(env, past)
        {after}
        while True:
            past.put(env.now(), 0, 0.0, env.ahead(), False)
            learn(net, past)
"""


@pytest.mark.parametrize(
    ("forget", "inside", "after", "erased"),
    [
        ("self.rows.clear()", "", "past.forget()", True),
        ("self.rows.clear()", "", "count = 0\n        env.close()\n        past.forget()", True),
        ("self.rows.clear()", "", "", False),
        ("self.rest.clear()", "", "past.forget()", False),
        ("if ask():\n                self.rows.clear()", "", "past.forget()", False),
        ("self.rows.clear()", "", "if ask():\n            past.forget()", False),
        ("self.rows.clear()", "", "learn(net, past)\n        past.forget()", False),
        ("self.rows.clear()", "", "net.loss(past.some(9)).backward()\n        past.forget()", False),
        ("self.rows.clear()", "net.loss(past.some(9)).backward()", "past.forget()", False),
    ],
)
def test_what_is_cleared_before_it_is_learnt_from(project, forget, inside, after, erased):
    graph = project(PROGRAM.replace("{forget}", forget).replace("{inside}", inside).replace("{after}", after))
    (buffer,) = graph.buffers
    (store,) = (s for s in graph.callers[buffer.stores[0].function] if s.function.name == "warm")
    assert is_erased(graph, buffer, store.path, store.node) is erased


def test_what_a_file_stores_outside_of_any_function_stays(project):
    graph = project(
        PROGRAM.replace("{forget}", "self.rows.clear()").replace("{inside}", "").replace("{after}", "")
        + "\n\n    past = Past()\n    past.put(1, 0, 0.0, 2, False)\n    past.forget()\n"
    )
    (buffer,) = graph.buffers
    (store,) = (s for s in graph.callers[buffer.stores[0].function] if s.function is None)
    assert not is_erased(graph, buffer, store.path, store.node)
