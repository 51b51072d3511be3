"""A method that all classes which are made have in place of their base's is never run in the base."""

from __future__ import annotations

import pytest

from per_audit.graph.liveness.idle import Idle

PROGRAM = """import random

class Memory:
    def __init__(self):
        self.rows = []

    def push(self, row):
        self.rows.append(row)

    def sample(self, n):
        return random.sample(self.rows, n)

class Newest(Memory):
    {newest}

def chosen(kind):
    if kind == "plain":
        return Memory
    return Newest

def train(env, net, optimizer):
    memory, state = chosen({kind})(), env.reset()
    while True:
        next_state, reward, done, _ = env.step(net.act(state))
        memory.push((state, 0, reward, next_state, done))
        state = next_state
        net.loss(memory.sample(32)).backward()
        optimizer.step()

{more}
train(make(), make(), make())
"""
OWN = "def sample(self, n):\n        return random.sample(self.rows[-100:], n)"
ASKS = "def sample(self, n):\n        return super().sample(n)"


@pytest.mark.parametrize(
    ("newest", "kind", "more", "is_idle"),
    [
        (OWN, "'newest'", "", True),
        (OWN, "'plain'", "", False),
        (OWN, "read()", "", False),
        (ASKS, "'newest'", "", False),
        ("def sample(self, n):\n        base = super()\n        return base.sample(n)", "'newest'", "", False),
        ("pass", "'newest'", "", False),
        (OWN, "'newest'", "class Other(Memory):\n    pass\n\nOther().push(1)", False),
        (OWN, "'newest'", "print(Memory().sample(3))", False),
        (OWN, "'newest'", "names = ['Memory']", False),
    ],
)
def test_what_every_heir_has_of_its_own(project, newest, kind, more, is_idle):
    graph = project(PROGRAM.format(newest=newest, kind=kind, more=more))
    buffer = next(each for each in graph.buffers if each.owner.name == "Memory")
    said = Idle(graph).why(graph.place(buffer.path, buffer.draws[0]))
    assert said == ("never run here: nothing in the project makes Memory" if is_idle else None)


def test_two_classes_that_name_each_other_are_asked_for_once(project):
    more = (
        "class A(Memory):\n    def push(self, row):\n        B()\n\nclass B(A):\n    def push(self, row):\n        A()"
    )
    graph = project(PROGRAM.format(newest=OWN, kind="'newest'", more=more))
    buffer = next(each for each in graph.buffers if each.owner.name == "Memory")
    assert Idle(graph).why(graph.place(buffer.path, buffer.draws[0])) is not None
