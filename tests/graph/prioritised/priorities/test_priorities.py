"""What the graph knows of a prioritised buffer: its parts, its priorities and weights."""

import pytest


def test_weights_are_told_by_their_form_or_by_their_name(priorities_of):
    assert priorities_of().weights
    assert not priorities_of(weights="w = None").weights
    assert not priorities_of(weights="w = None").names_weights()
    assert priorities_of(weights="is_weights = w = mystery(at)").names_weights()


@pytest.mark.parametrize(
    ("draw", "named"),
    [
        ("weights = mass / mass.sum(); at = np.random.choice(self.size, n, p=weights)", False),
        ("weights = list(mass); at = random.choices(range(self.size), weights=weights, k=n)", False),
        ("weights = mass / mass.sum(); at = np.random.choice(self.size, n, p=weights); weights = odd(weights)", True),
        ("weights = odd(self.size); at = np.random.choice(self.size, n, p=mass / mass.sum())", True),
    ],
)
def test_what_is_drawn_by_is_called_weights_and_is_none_of_them(project, draw, named):
    graph = project(f"""
    import random
    import numpy as np
    from elsewhere import odd

    class Memory:
        def __init__(self, size):
            self.rows, self.priorities, self.size, self.count = [None] * size, np.zeros(size), size, 0

        def add(self, state, action, reward, next_state, done):
            self.rows[self.count % self.size] = (state, action, reward, next_state, done)
            self.priorities[self.count % self.size] = 1.0
            self.count += 1

        def sample(self, n):
            mass = self.priorities
            {draw}
            return [self.rows[i] for i in at], at, weights
    """)
    (buffer,) = graph.buffers
    assert graph.priorities(buffer).names_weights() is named


@pytest.mark.parametrize(
    ("mass", "known"), [("priorities", True), ("prio", True), ("td_error", True), ("mass", False), ("person", False)]
)
def test_whether_the_code_speaks_of_priorities(priorities_of, mass, known):
    about = priorities_of(mass=mass)
    assert about.is_about_priorities is known
    assert about.is_of_replay


def test_a_buffer_is_in_use_where_it_is_made_and_drawn_from(priorities_of, project, memory_text):
    assert priorities_of().in_use
    graph = project(memory=memory_text(mass="mass"))
    (buffer,) = graph.buffers
    assert not graph.priorities(buffer).in_use


def test_the_functions_that_store_transitions_are_not_those_that_store_priorities(priorities_of):
    assert [function.name for function in priorities_of("memory.update(at, errors)").adding] == ["push"]


@pytest.mark.parametrize(("code", "known"), [("memory.update(at, errors)", True), ("pass", False)])
def test_priorities_are_updated_where_that_may_run(priorities_of, code, known):
    about = priorities_of(code)
    assert about.updated() is known
    assert about.writes_priorities()


OLDER = """
        def older(self, n, beta):
            p = self.mass / self.mass.sum()
            at = np.random.choice(len(self.rows), n, p=p)
            return [self.rows[i] for i in at], self.weigh(p[at], beta)

        def weigh(self, p, beta):
            w = (len(self.rows) * p) ** -beta
            return w
"""


@pytest.mark.parametrize(
    ("call", "known"),
    [
        ("pass", 1),  # of two draws one is called: the weights of the other are nobody's
        ("memory.older(8, 1.0)", 2),
        ("memory.weigh(1.0, 0.4)", 2),
    ],
)
def test_weights_of_a_draw_that_nobody_calls_any_more(project, memory_text, call, known):
    train = f"""
    from memory import Memory

    def train(env, net):
        memory = Memory(64)
        memory.push(1, 2, 3.0, 4, False)
        rows, at, w = memory.sample(8, 0.4)
        {call}
        (w * net(rows)).mean().backward()
        memory.update(at, net(rows))
    """
    graph = project(memory=memory_text(mass="mass") + OLDER, train=train)
    weights = {node for buffer in graph.buffers for node in graph.priorities(buffer).weights}
    assert len(weights) == known


BY_A_FIELD = """
    import random
    from collections import deque

    class Past:
        def __init__(self, size):
            self.rows = deque(maxlen=size)

        def keep(self, state, action, reward, next_state, done, {field}):
            self.rows.append((state, action, reward, next_state, done, {field}))

        def some(self, n):
            sum_{field} = sum(row[5] for row in self.rows)
            return random.choices(self.rows, [row[5] / sum_{field} for row in self.rows], k=n)
"""


@pytest.mark.parametrize(("field", "known"), [("delta", True), ("errors", True), ("length", False), ("delta_t", False)])
def test_probabilities_made_of_errors_are_priorities(project, field, known):
    graph = project(BY_A_FIELD.format(field=field))
    (buffer,) = graph.buffers
    assert graph.priorities(buffer).is_about_priorities is known
