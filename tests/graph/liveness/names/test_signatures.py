"""Calls that end in a TypeError."""

import pytest

from per_audit.facts import ir
from per_audit.graph.liveness.names.signatures import refusal

MEMORY = "class Memory{base}:\n    {marks}def __init__(self, size, alpha=0.6{more}):\n        self.size = size\n"


@pytest.mark.parametrize(
    ("changed", "call", "told"),
    [
        ({}, "Memory(8, beta=0.4)", "Memory is called with `beta`, which it does not take"),
        ({}, "Memory(size=8, alpha=0.4)", None),
        ({}, "Memory(8, **options)", None),
        ({"more": ", **more"}, "Memory(8, beta=0.4)", None),
        ({"base": "(Dataset)"}, "from torch.utils.data import Dataset\nMemory(8, beta=0.4)", "beta"),
        ({"base": "(metaclass=Kept)"}, "Memory(8, beta=0.4)", None),
        ({"marks": "@taking\n    "}, "Memory(8, beta=0.4)", None),
        ({}, "keep(Memory, beta=0.4)", None),
    ],
)
def test_a_keyword_that_what_is_called_does_not_take(project, changed, call, told):
    imports = "from torch.utils.data import Dataset\n" if "Dataset" in call else ""
    call = call.removeprefix(imports)
    text = imports + MEMORY.format(**{"base": "", "marks": "", "more": "", **changed}) + call + "\n"
    graph = project(text)
    (cls,) = graph.project.classes
    named = [node for node in graph.module("main.py").nodes_of(ir.Name) if node.id == "Memory"]
    found = refusal(graph, "main.py", named[-1], cls)
    expected = None if told is None or "Dataset" in text else told
    assert (None if found is None else str(found)) == expected
