"""Functions that a program calls again and again."""

import pytest

from per_audit.graph.liveness.frequency.again import is_called_again

PROGRAM = """
    def episode():
        return 1

    def train():
        {body}

    train()
"""


@pytest.mark.parametrize(
    ("body", "again"),
    [
        ("episode()", False),
        ("for _ in range(9):\n    episode()", True),
        ("return [episode() for _ in range(9)]", True),
        ("if episode():\n    train()", False),  # that it calls itself is no loop
        ("inner = lambda: episode()\nfor _ in range(9):\n    inner()", False),
        ("def inner():\n    episode()\nwhile True:\n    inner()", True),
    ],
)
def test_calls_in_loops(project, body, again):
    graph = project(PROGRAM.replace("{body}", body.replace("\n", "\n        ")))
    function = next(each for each in graph.project.functions if each.name == "episode")
    assert is_called_again(graph, function) is again
