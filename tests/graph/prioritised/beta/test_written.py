"""Which numbers of a schedule are written into the code, whoever trains."""

import pytest

from per_audit.graph.prioritised.beta.written import literals

MEMORY = """
class Memory:
    def __init__(self, first=0.4, step=0.001):
        self.first, self.step = first, step

    def take(self, count, last):
        return self.first + self.step * count / last


class Player:
    def __init__(self, memory):
        self.memory, self.count, self.last = memory, 0, 5000

    def learn(self):
        return self.memory.take(self.count, self.last)


def play(env, steps):
    player = Player(Memory(MADE))
    while env.goes_on():
        player.learn()

OTHERS
"""


def numbers(project, name, made="", others="", told=False):
    graph = project(MEMORY.replace("MADE", made).replace("OTHERS", others))
    (taking,) = (f for f in graph.project.functions if f.name == "take")
    run = graph.symbols.run(taking, "main.py")
    (term,) = {t for t in run.terms.values() if name in (t.data, *(t.data if isinstance(t.data, tuple) else ()))}
    found = literals(graph, term, told)
    return found and [each.number for each in found]


@pytest.mark.parametrize(
    ("made", "others", "found"),
    [
        ("", "", [0.001]),
        ("0.4, 0.01", "", None),
        ("", "def longer():\n    return Memory(step=0.0001)", [0.001]),
        ("0.4, 0.01", "def longer():\n    return Memory(step=0.0001)", None),
        ("step=0.01", "def test_memory():\n    assert Memory().step", None),
        ("step=0.01", "def longer():\n    return Memory()", [0.001]),
    ],
)
def test_a_default_that_some_caller_leaves_it_at(project, made, others, found):
    assert numbers(project, "step", made, others) == found


@pytest.mark.parametrize(
    ("others", "found"),
    [
        ("", [5000]),
        ("def long(player):\n    return range(player.last)", None),
        ("def set(player, last):\n    player.last = last", None),
        ('def long(player):\n    return getattr(player, "last")', None),
    ],
)
def test_what_an_object_keeps_for_a_call_alone(project, others, found):
    assert numbers(project, "last", others=others) == found


def test_what_callers_write_is_told(project):
    assert numbers(project, "step", made="step=0.01", told=True) == [0.01]
