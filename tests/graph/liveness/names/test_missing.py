"""Names that a file calls and gets from nowhere."""

import pytest

from per_audit.graph.liveness.names.missing import is_missing


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("memory = Memory(8)", True),
        ("memory = Memory(8)\nprint(Memory)", False),  # it is a variable of something
        ("from memories import Memory\nmemory = Memory(8)", False),
        ("from memories import Ring as Memory\nmemory = Memory(8)", False),
        ("from memories import Memory as Ring\nmemory = Memory(8)", True),
        ("from memories import *\nmemory = Memory(8)", False),
        ("def Memory(size):\n    pass\nmemory = Memory(8)", False),
        ("def make(Memory):\n    return Memory(8)", False),
        ("def make():\n    global Memory\n    return Memory(8)", False),
        ("memory = make(8)", False),
    ],
)
def test_a_name_that_is_called_and_comes_from_nowhere(project, text, expected):
    assert is_missing(project(text), "main.py", "Memory") is expected
