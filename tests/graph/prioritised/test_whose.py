"""The buffer that a line belongs to, among those that one name may stand for."""

from per_audit.facts import ir
from per_audit.graph.prioritised.whose import holder

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
