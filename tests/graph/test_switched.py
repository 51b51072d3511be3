"""Branches under settings that the program never has."""

import pytest

from per_audit.facts import ir
from per_audit.graph.switched import is_switched_off

AGENT = """
    from settings import FAST

    class Agent:
        def __init__(self, weighted=False, **more):
            self.weighted = weighted
            self.other = more

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
        ("if self.weighted:\n    mark()", "Agent(read())", False),
        ("if self.weighted:\n    mark()", "pass", False),  # whoever makes one may switch it on
        ("if self.other:\n    mark()", "Agent()", False),
        ("if not slow:\n    mark()", "Agent().learn()", True),
        ("mark() if FAST else None", "Agent()", False),
        ("None if FAST else mark()", "Agent()", True),
        ("if FAST and slow:\n    mark()", "Agent()", False),
        ("if True:\n    pass\nelse:\n    mark()", "Agent()", False),  # taken out by hand, for now
    ],
)
def test_settings_that_are_one_constant_everywhere(project, body, calls, off):
    text = AGENT.format(body=body.replace("\n", "\n            "), calls=calls)
    graph = project(text, settings="FAST = True\n")
    calls_in = (n for n in ir.walk(*graph.module("main.py").body) if isinstance(n, ir.Call))
    (node,) = (n for n in calls_in if isinstance(n.func, ir.Name) and n.func.id == "mark")
    assert is_switched_off(graph, "main.py", node) is off
