"""Classes and functions that are handed on by their names."""

import pytest

from per_audit.graph.liveness.names.handed_on import handed_on

DEFINED = "class Memory:\n    def draw(self):\n        pass\n\ndef make(size: Memory) -> Memory:\n    pass\n"


@pytest.mark.parametrize(
    ("code", "names"),
    [
        ("memory = Memory()", set()),
        ("class Ring(Memory):\n    pass", set()),
        ("isinstance(thing, Memory)", set()),
        ("Memory.draw(thing)", set()),
        ("Memory().draw()", set()),
        ("use(Memory)", {"Memory"}),
        ("use(Memory())", set()),
        ("KINDS = {'plain': Memory}", {"Memory"}),
        ("use(memory.draw)", {"draw"}),
        ("getattr(memory, 'draw')(3)", {"draw"}),
        ("from memories import Memory as Ring", {"Memory"}),
        ("from memories import Memory", set()),
        ("make(make)(Memory)", {"make", "Memory"}),
    ],
)
def test_names_that_stand_for_something_other_than_a_call(project, code, names):
    assert set(handed_on(project(f"{DEFINED}{code}\n"))) == names
