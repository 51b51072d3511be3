"""Memories that wait for a container to fill which nothing is put into."""

import pytest

from per_audit.graph.liveness.idle import Idle

MEMORY = """
    import random
    from collections import deque

    class Ring:
        def __init__(self, size):
            self.rows, self.at = [None] * size, 0

        def add(self, row):
            self.rows[self.at] = row
            self.at = (self.at + 1) % len(self.rows)

    class Memory:
        def __init__(self, size):
            self.ring = Ring(size)
            self.{kept} = {made}

        def add(self, state, action, reward, next_state, done):
            self.ring.add((state, action, reward, next_state, done))

        def sample(self, n):
            return random.sample(self.ring.rows, n)

        def size(self):
            '''How much there is.'''
            return len(self.buffer)
"""
TRAIN = """
    from memory import Memory

    def train(env, net, optimizer, batch_size=32):
        memory = Memory(1000)
        while True:
            memory.add(*env.step())
            {waits}
            net.loss(memory.sample(batch_size)).backward()
            optimizer.step()
"""
TOO_FEW = "if memory.size() {}:\n                continue"
FEW = TOO_FEW.format("< batch_size")
SAID = "never run here: nothing is put into `self.buffer`, and `memory.size() < batch_size` waits for it"


@pytest.fixture
def reasons(project):
    """Why the draw, what the memory makes and what is learnt from are never run."""

    def told(waits=FEW, kept="buffer", made="deque(maxlen=size)", more="", **options):
        memory = MEMORY.format(kept=kept, made=made) + more
        graph = project(memory=memory, train=TRAIN.format(waits=waits))
        idle = Idle(graph, **options)
        (buffer,) = (each for each in graph.buffers if each.owner is not None)
        (site,) = buffer.samples
        ring = next(cls for cls in graph.project.classes if cls.name == "Ring")
        places = [(buffer.path, buffer.draws[0]), ("memory.py", ring.body[1].body[0]), (site.path, site.node)]
        return [idle.why(graph.place(path, node)) for path, node in places]

    return told


@pytest.mark.parametrize("made", ["deque(maxlen=size)", "[]", "list()", "deque([], size)"])
def test_a_memory_that_is_never_drawn_from(reasons, made):
    """What the memory makes is run whenever something is stored."""
    assert reasons(made=made) == [SAID, SAID.replace("never run", "never drawn from"), SAID]


@pytest.mark.parametrize(
    ("asked", "is_never"),
    [("<= batch_size", True), ("<= self.start", True), ("< 8", True), ("< read()", False), ("< self.start", False)],
)
def test_a_length_of_nothing_is_below_a_known_number_and_no_more_than_a_setting(reasons, asked, is_never):
    found = reasons(TOO_FEW.format(asked))
    assert [why is not None for why in found] == [is_never] * 3


@pytest.mark.parametrize(
    "changed",
    [
        {"kept": "others", "more": "\n    Memory.buffer = [1]\n"},
        {"made": "deque(read())"},
        {"made": "[*read()]"},
        {"made": "deque(*read())"},
        {"more": "\n    def load(memory, rows):\n        memory.buffer = rows\n"},
        {"more": "\n    def load(memory, rows):\n        memory.buffer += rows\n"},
        {"more": "\n    def load(memory, rows):\n        memory.buffer.extend(rows)\n"},
        {"more": "\n    def load(memory, fill):\n        fill(memory.buffer)\n"},
        {"more": "\n    def load(memory, name, rows):\n        setattr(memory, name, rows)\n"},
        {"waits": TOO_FEW.format("< 0")},
        {"waits": TOO_FEW.format("> batch_size")},
        {"waits": TOO_FEW.format("< batch_size and env.done()")},
        {"waits": "pass"},
        {"is_package": True},
    ],
)
def test_a_memory_that_may_be_drawn_from(reasons, changed):
    assert reasons(**changed) == [None] * 3
