"""Branches under settings that the program never has."""

import pytest

from per_audit.facts import ir
from per_audit.graph.switched import Switches

SETTINGS = """
    FAST = True
    MODE = "mass"
    CHANGED = False

    def change():
        global CHANGED
        CHANGED = True
"""
AGENT = """
    from dataclasses import dataclass
    from settings import CHANGED, FAST, MODE

    SIZES = {{"fast": False}}

    @dataclass
    class Taken:
        fast: bool = False

    class Agent:
        def __init__(self, weighted=False, **more):
            self.weighted = weighted
            self.other = more
            self.taken = Taken(**read())

        def learn(self, slow=True):
            {body}

    {calls}
"""


@pytest.mark.parametrize(
    ("body", "calls", "off"),
    [
        ("if self.weighted:\n    mark()", "Agent().learn()", True),
        ("if self.weighted:\n    pass\nelse:\n    mark()", "Agent().learn()", False),
        ("if not self.weighted:\n    pass\nelse:\n    mark()", "Agent().learn()", True),
        ("if self.weighted:\n    mark()", "Agent(); Agent(True)", False),
        ("if not self.weighted:\n    mark()", "Agent(); Agent(True)", False),
        ("if not self.weighted:\n    mark()", "Agent(weighted=True); Agent(True)", True),
        ("if not self.weighted:\n    mark()", "Agent(weighted=True); Agent(*read())", False),
        ("if self.weighted:\n    mark()", "[Agent(), " * 9 + "]" * 9, False),  # too many to be looked at
        ("if self.weighted:\n    mark()", "Agent(read())", False),
        ("if self.weighted:\n    mark()", "pass", False),  # whoever makes one may switch it on
        ("if self.other:\n    mark()", "Agent()", False),
        ("if not slow:\n    mark()", "Agent().learn()", True),
        ("mark() if FAST else None", "Agent()", False),
        ("None if FAST else mark()", "Agent()", True),
        ("if FAST and slow:\n    mark()", "Agent()", False),
        ("if FAST and slow:\n    pass\nelse:\n    mark()", "Agent().learn()", True),
        ("if FAST or self.weighted:\n    pass\nelse:\n    mark()", "Agent(read())", True),
        ("if MODE == 'rank':\n    mark()", "Agent()", True),
        ("if MODE != 'rank':\n    mark()", "Agent()", False),
        ("if slow is None:\n    mark()", "Agent().learn(None)", False),
        ("if slow is None:\n    mark()", "Agent().learn('a')", True),
        ("if slow == 3:\n    mark()", "Agent().learn(2)", False),  # a number may count
        ("if CHANGED:\n    mark()", "Agent()", False),
        ("if SIZES['fast']:\n    mark()", "Agent()", True),
        ("if self.weighted:\n    mark()", "agent = Agent()\n    setattr(agent, read(), True)", False),
        ("if self.weighted:\n    mark()", "Agent()\n    for a in read():\n        a.weighted = True", False),
        ("if self.taken.fast:\n    mark()", "Agent()", False),
        ("if True:\n    pass\nelse:\n    mark()", "Agent()", False),  # taken out by hand, for now
    ],
)
def test_settings_that_are_one_constant_everywhere(project, body, calls, off):
    text = AGENT.format(body=body.replace("\n", "\n            "), calls=calls)
    graph = project(text, settings=SETTINGS)
    assert (Switches(graph).off("main.py", marked(graph)) is not None) is off


@pytest.mark.parametrize(("calls", "off"), [("Agent().learn()", False), ("Agent(read())", False)])
def test_users_of_a_package_give_its_settings_as_well(project, calls, off):
    graph = project(AGENT.format(body="if self.weighted:\n                mark()", calls=calls), settings=SETTINGS)
    assert (Switches(graph, is_package=True).off("main.py", marked(graph)) is not None) is off
    fixed = project(AGENT.format(body="if not FAST:\n                mark()", calls=calls), settings=SETTINGS)
    assert Switches(fixed, is_package=True).off("main.py", marked(fixed)) is not None


def marked(graph):
    calls_in = (n for n in ir.walk(*graph.module("main.py").body) if isinstance(n, ir.Call))
    (node,) = (n for n in calls_in if isinstance(n.func, ir.Name) and n.func.id == "mark")
    return node
