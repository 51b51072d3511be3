"""The buffer that a line belongs to, among those that one name may stand for."""

import pytest

from per_audit.facts import ir
from per_audit.graph.prioritised.priorities.whose import (
    holder,
    name_around,
    name_of_called,
    name_of_filled,
    name_of_made,
)

TEXT = """
    import random

    class One:
        def __init__(self):
            self.rows = []

        def add(self, state, action, reward, next_state, done):
            self.rows.append((state, action, reward, next_state, done))

        def sample(self, n):
            return random.sample(self.rows, n)

    class Two(One):
        def sample(self, n):
            return random.sample(self.rows, n + 1)

    class Agent:
        def learn(self):
            return self.memory.sample(8)

        def __init__(self, net):
            self.net = net
            self.memory = One() if net else Two()

    net.loss(Agent(net).learn()).backward()
"""


def test_a_line_belongs_to_the_buffer_whose_class_holds_it(project):
    graph = project(TEXT)
    one, two = sorted(graph.buffers, key=lambda buffer: buffer.owner.start)

    def at(text):
        module = graph.module("main.py")
        return next(n for n in ir.walk(*module.body) if isinstance(n, ir.Call) and module.source(n) == text)

    assert holder(graph, "main.py", at("random.sample(self.rows, n)"), one) is one
    assert holder(graph, "main.py", at("random.sample(self.rows, n + 1)"), one) is two
    assert holder(graph, "main.py", at("random.sample(self.rows, n)"), two) is two  # it inherits it
    assert holder(graph, "main.py", at("self.memory.sample(8)"), two) is two
    assert holder(graph, "main.py", at("Agent(net)"), one) is one


def test_a_call_is_made_on_a_class_of_the_family_that_is_no_buffer_itself(project):
    graph = project("""
    import random

    class Base:
        def __init__(self):
            self.rows = []

        def add(self, state, action, reward, next_state, done):
            self.rows.append((state, action, reward, next_state, done))

    class Drawn(Base):
        def sample(self, n):
            return random.sample(self.rows, n)

    class Kept(Base):
        pass

    drawn, kept = Drawn(), Kept()
    drawn.add(0, 1, 2.0, 3, False)
    kept.add(0, 1, 2.0, 3, False)
    net.loss(drawn.sample(8)).backward()
    """)
    (buffer,) = graph.buffers
    module = graph.module("main.py")
    calls = {module.source(n).split("(")[0]: n for n in ir.walk(*module.body) if isinstance(n, ir.Call)}
    assert name_of_called(graph, [calls["drawn.add"]], buffer) == "Drawn"
    assert name_of_called(graph, [calls["kept.add"]], buffer) == "Kept"
    assert name_of_called(graph, [], buffer) == "Drawn"


FILLED = """import numpy as np

class Rows:
    def __init__(self, states, rewards, nexts, size):
        self.states, self.rewards, self.nexts, self.size = states, rewards, nexts, size

    def sample(self, n):
        slots = np.random.randint(self.size, size=n)
        return self.states[slots], self.rewards[slots], self.nexts[slots]

    def put(self, slot, state, reward, next_state):
        {put}

class Ring(Rows):
    def __init__(self, limit):
        super().__init__(np.empty((limit, 4)), np.empty(limit), np.empty((limit, 4)), 0)
        self.limit, self.at = limit, 0

    def insert(self, state, reward, next_state):
        self.states[self.at] = state
        self.rewards[self.at] = reward
        self.nexts[self.at] = next_state
        self.at = (self.at + 1) % self.limit
        self.size = min(self.size + 1, self.limit)

def train(env, net):
    ring, state = Ring(1000), env.reset()
    while True:
        next_state, reward, done, _ = env.step(net.act(state))
        ring.insert(state, reward, next_state)
        ring.put(0, state, reward, next_state)
        state = next_state
        net.loss(ring.sample(32)).backward()
"""


@pytest.mark.parametrize(("put", "name"), [("pass", "Ring"), ("self.states[slot] = state", "Rows")])
def test_the_heir_that_alone_fills_a_memory_holds_its_transitions(project, put, name):
    graph = project(FILLED.format(put=put))
    (buffer,) = graph.buffers
    assert (graph.name_of(buffer), name_of_filled(graph, buffer)) == ("Rows", name)


WRAPPED = """
    import random
    import numpy as np

    class Plain:
        def __init__(self, size):
            self.rows, self.at, self.size, self.late = [], 0, size, []

        def add(self, *row):
            if len(self.rows) < self.size:
                self.rows.append(row)
            else:
                self.rows[self.at % self.size] = row
            self.at += 1

        def later(self, *row):
            self.late.append(row)

        def sample(self, n):
            return random.sample(self.rows, n)

    class Rated(Plain):
        def __init__(self, size):
            super().__init__(size)
            self.mass = np.ones(size)

        def sample(self, n):
            share = self.mass / self.mass.sum()
            at = np.random.choice(len(share), n, p=share)
            return [self.rows[i] for i in at]

    class Named:
        def __init__(self, inner):
            self.inner = inner

        def sample(self, n):
            return self.inner.sample(n)

        def add(self, *row):
            self.inner.add(*row)

    def train(net, env):
        memory = {made}
        state = env.reset()
        for _ in range(1000):
            action = net.act(state)
            following, reward, done, _ = env.step(action)
            memory.add(state, action, reward, following, done)
            state = following
            net.loss(memory.sample(8)).backward()
"""


def wrapped(project, made):
    return project(WRAPPED.replace("{made}", made))


def in_function(graph, name, kind):
    """The first node of a kind in a method of the class that draws by priority."""
    (cls,) = (cls for cls in graph.project.classes if cls.name == "Rated")
    (method,) = (part for part in cls.body if getattr(part, "name", "") == name)
    return next(node for node in ir.walk(*method.body) if isinstance(node, kind))


def test_a_line_of_the_memory_that_another_wraps_is_the_memory_s(project):
    graph = wrapped(project, "Named(Rated(64))")
    draw = in_function(graph, "sample", ir.Call)
    buffer = graph.buffers[0]
    (wrapper,) = (cls for cls in graph.project.classes if cls.name == "Named")
    (rated,) = (cls for cls in graph.project.classes if cls.name == "Rated")
    buffer.owner = wrapper
    assert name_around(graph, "main.py", draw, buffer) == "Rated"
    buffer.owner = rated
    assert name_around(graph, "main.py", draw, buffer) == "Rated"


def test_what_a_base_fills_is_that_base_s_where_nothing_makes_the_heir(project):
    for made, name in (("Plain(64)", "Plain"), ("Rated(64)", "Rated")):
        graph = wrapped(project, made)
        (rated,) = (cls for cls in graph.project.classes if cls.name == "Rated")
        buffer = graph.buffers[0]
        buffer.owner = rated
        assert name_of_made(graph, buffer, buffer.stores[0]) == name
