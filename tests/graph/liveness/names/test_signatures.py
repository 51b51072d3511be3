"""Calls that end in a TypeError."""

import pytest

from per_audit.facts import ir
from per_audit.graph.liveness.names.signatures import never_made, refusal

MEMORY = "class Memory{base}:\n    {marks}def __init__(self, size, alpha=0.6{more}):\n        self.size = size\n"


@pytest.mark.parametrize(
    ("changed", "call", "told"),
    [
        ({}, "Memory(8, beta=0.4)", "Memory is called with `beta`, which it does not take"),
        ({}, "Memory(size=8, alpha=0.4)", None),
        ({}, "Memory(alpha=0.4)", "Memory is made without `size`, which it needs"),
        ({}, "Memory()", "Memory is made without `size`, which it needs"),
        ({}, "Memory(*sizes)", None),
        ({"more": ", *, beta"}, "Memory(8, 0.4)", "Memory is made without `beta`, which it needs"),
        ({"more": ", *, beta"}, "Memory(8, beta=0.4)", None),
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


HEIRS = """
    class Base:
        def __init__(self, size, width, name="b"):
            self.size, self.width = size, width

    class Heir(Base):
        def __init__(self, {own}depth, *args, **kwargs):
            {first}super().__init__(depth, {handed}*args, **kwargs)
            self.depth = depth

    Heir({given})
"""


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"given": "depth=3, width=2"}, None),
        ({"given": "3, 2"}, None),
        ({"given": "3"}, "Base is made without `width`, which it needs"),
        ({"given": "depth=3"}, "Base is made without `width`, which it needs"),
        ({"given": "3, width=2, rate=1"}, "Base is called with `rate`, which it does not take"),
        ({"given": "3, **options"}, None),
        ({"given": "3", "handed": "width=2, "}, None),
        ({"given": "width=2, depth=3", "own": "width, "}, "Base is made without `width`, which it needs"),
        ({"given": "3, rate=1", "first": "rate = kwargs.pop('rate')\n            "}, None),
    ],
)
def test_what_a_constructor_hands_on_is_taken_by_that_of_the_base(project, changed, told):
    changed = {"own": "", "first": "", "handed": "", **changed}
    text = HEIRS
    for key, value in changed.items():
        text = text.replace(f"{{{key}}}", value)
    graph = project(text)
    cls = next(cls for cls in graph.project.classes if cls.name == "Heir")
    named = [node for node in graph.module("main.py").nodes_of(ir.Name) if node.id == "Heir"]
    found = refusal(graph, "main.py", named[-1], cls)
    assert (None if found is None else str(found)) == told


@pytest.mark.parametrize(
    ("made", "told"),
    [
        ("memory = Memory(8, beta=0.4)", True),
        ("memory = Memory(8)", False),
        ("memory = Memory(8, beta=0.4)\nif small: memory = Memory(8)", False),
        ("memory = Memory()\nif small: memory = Memory(8, beta=0.4)", True),
        ("memory = Memory(8, beta=0.4)\nfor memory in kept: pass", False),
        ("memory = Memory(8, beta=0.4)\nother, memory = kept", False),
        ("from kept import memory\nother = Memory(8, beta=0.4)", False),
        ("memory = other(8, beta=0.4)", False),
    ],
)
def test_an_object_that_no_call_makes_is_never_there(project, made, told):
    graph = project(MEMORY.format(base="", marks="", more="") + f"{made}\nmemory.rows.append(1)\n")
    call = next(
        node for node in graph.module("main.py").nodes_of(ir.Call) if getattr(node.func, "attr", "") == "append"
    )
    assert (never_made(graph, "main.py", call.args[0]) is not None) is told
    assert (never_made(graph, "main.py", call) is not None) is told


def test_what_is_handed_on_to_one_of_several_bases_is_not_followed(project):
    graph = project("""
    class Root:
        def __init__(self, size):
            self.size = size

    class Plain(Root):
        def __init__(self, **more):
            super().__init__(**more)

    class Rated(Root):
        def __init__(self, rate, **more):
            super().__init__(**more)

    class Both(Plain, Rated):
        pass

    Both(size=1, rate=2)
    Plain(size=1, rate=2)
    """)
    classes = {cls.name: cls for cls in graph.project.classes}
    calls = [node.func for node in graph.module("main.py").nodes_of(ir.Call)]
    made = [node for node in calls if isinstance(node, ir.Name) and node.id in ("Both", "Plain")]
    found = [refusal(graph, "main.py", node, classes[node.id]) for node in made]
    assert [str(each) for each in found] == ["None", "Root is called with `rate`, which it does not take"]
