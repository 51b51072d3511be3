"""Methods that are called of what a test says is a text."""

import pytest

from per_audit.facts import extract
from per_audit.graph.interpret.texts import called_of_texts


@pytest.mark.parametrize(
    "body",
    [
        "if self.kind == 'ranked':\n    self.kind.sample(3)",
        "if ready and kind == 'ranked':\n    rows = [kind.sample(n) for n in range(3)]",
        "rows = kind.sample(3) if kind in ('ranked', 'plain') else []",
    ],
)
def test_what_equals_a_text_is_one(body):
    assert len(called_of_texts(extract("agent.py", body.encode()))) == 1


@pytest.mark.parametrize(
    "body",
    [
        "if self.kind == 'ranked':\n    self.memory.sample(3)",
        "if self.kind != 'ranked':\n    self.kind.sample(3)",
        "if self.kind == 'ranked':\n    pass\nelse:\n    self.kind.sample(3)",
        "if kind == 'ranked' or ready:\n    kind.sample(3)",
        "if kind == 'ranked':\n    kind = Ranked()\n    kind.sample(3)",
        "if kind == 'ranked':\n    for kind in memories:\n        kind.sample(3)",
        "if kind == 3:\n    kind.sample(3)",
        "if kind in names:\n    kind.sample(3)",
        "if kind in 'ranked':\n    kind.sample(3)",
        "if kind == 'ranked':\n    sample(kind)",
    ],
)
def test_other_tests_say_nothing(body):
    assert not called_of_texts(extract("agent.py", body.encode()))


AGENT = """
    from memory import Memory

    class Agent:
        def __init__(self, memory, kind, net):
            self.memory_of, self.net, self.rows = kind, net, memory

        def learn(self):
            if self.memory_of == "plain":
                rows = {held}.sample(32)
                self.net.loss(rows).backward()
    """
MEMORY = """
    import random

    class Memory:
        def __init__(self):
            self.rows = []

        def add(self, state, action, reward, later, done):
            self.rows.append((state, action, reward, later, done))

        def sample(self, n):
            return random.sample(self.rows, n)
    """


@pytest.mark.parametrize(("held", "is_called"), [("self.memory_of", False), ("self.memory", True)])
def test_a_text_is_no_memory_by_its_name(project, held, is_called):
    graph = project(agent=AGENT.format(held=held), memory=MEMORY)
    assert any(function.name == "sample" for function in graph.callers) is is_called
