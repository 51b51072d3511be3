"""Objects that are made for a name which nothing reads."""

import pytest

from per_audit.facts import ir
from per_audit.graph.liveness.names.unheld import unheld

DEFINED = """
    import random

    KEPT = []

    class Base:
        def __init__(self, size):
            self.size = size

    class Memory(Base):
        def __init__(self, size):
            super().__init__(size)
            self.rows = []
            self.reset()
            {more}

        def reset(self):
            self.rows.clear()

        def add(self, state, action, reward, next_state, done):
            self.rows.append((state, action, reward, next_state, done))

        def sample(self, n):
            return random.sample(self.rows, n)

        def learn(self, net):
            net.loss(self.sample(8)).backward()
"""


def found(graph, path="main.py"):
    cls = next(each for each in graph.project.classes if each.name == "Memory")
    named = [node for node in graph.module(path).nodes_of(ir.Name) if node.id == "Memory"]
    return unheld(graph, path, named[-1], cls)


@pytest.mark.parametrize(
    ("code", "is_unheld"),
    [
        ("memory = Memory(8)", True),
        ("class Agent:\n    memory = Memory(8)\n\n    def act(self):\n        return self.memory.sample(8)", False),
        ("memory = None\nmemory = Memory(8)", True),
        ("def evaluate(net):\n    memory = Memory(8)\n    return net\n\nmemory = 3\nprint(memory)", True),
        ("memory = Memory(8)\nprint(len(memory))", False),
        ("memory = Memory(8)\n\ndef step():\n    memory.add(1, 2, 3, 4, 5)", False),
        ("def make():\n    global memory\n    memory = Memory(8)", False),
        ("memory = Memory(8)\nglobals()['memory'].sample(3)", False),
        ("memory = [Memory(8)]", False),
        ("memory = other = Memory(8)", False),
        ("self.memory = Memory(8)", False),
        ("keep(Memory(8))", False),
        ("memory = Memory", False),
    ],
)
def test_what_only_an_unread_name_holds(project, code, is_unheld):
    told = found(project(f"from memories import Memory\n{code}\n", memories=DEFINED.format(more="pass")))
    assert (str(told) if told else None) == ("nothing reads `memory` of main.py" if is_unheld else None)


@pytest.mark.parametrize(
    ("more", "is_unheld"),
    [
        ("self.mark = len(self.rows)", True),
        ("KEPT.append(self)", False),
        ("self.learn(size)", False),
        ("self.sample(3)", False),
        ("start(lambda: self.learn(size))", False),
    ],
)
def test_an_object_that_does_something_while_it_is_made(project, more, is_unheld):
    graph = project("from memories import Memory\nmemory = Memory(8)\n", memories=DEFINED.format(more=more))
    assert (found(graph) is not None) is is_unheld


@pytest.mark.parametrize(
    ("other", "is_unheld"),
    [
        ("import memories", True),
        ("from main import memory", False),
        ("import main", False),
    ],
)
def test_a_file_that_others_import(project, other, is_unheld):
    texts = {"memories": DEFINED.format(more="pass"), "other": other + "\n"}
    graph = project("from memories import Memory\nmemory = Memory(8)\n", **texts)
    assert (found(graph) is not None) is is_unheld


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        ("", "never run here: nothing reads `memory` of main.py"),
        ("later = Memory(9)\nlater.sample(3)\n", None),
        ("memory.sample(3)\n", None),
    ],
)
def test_a_memory_whose_only_object_is_never_asked(project, after, expected):
    from per_audit.graph.liveness.idle import Idle

    run = "import torch.optim as optim\n\ndef run(net):\n    net.loss().backward()\n    optim.Adam(net).step()\n"
    code = f"from memories import Memory\nmemory = Memory(8)\n{after}"
    graph = project(code, memories=DEFINED.format(more="pass"), run=run)
    (draw,) = (
        node
        for node in graph.module("memories.py").nodes
        if isinstance(node, ir.Call) and "sample(self.rows" in graph.source("memories.py", node)
    )
    assert Idle(graph).why(graph.place("memories.py", draw)) == expected
