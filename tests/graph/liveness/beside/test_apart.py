"""Notebooks that have nothing to do with the memories of other files."""

import pytest

from per_audit.facts import extract
from per_audit.graph import link
from per_audit.graph.liveness.beside.apart import is_apart
from per_audit.graph.liveness.idle import Idle

FILES = {"memory.py": "class Ring:\n    pass\n", "agents.py": "from memory import Ring\nagent = Ring\n"}


@pytest.mark.parametrize(
    ("text", "apart"),
    [
        ("import numpy as np\n", True),
        ("import agents\n", False),
        ("from memory import *\n", False),
        ("from lib.memory import Ring\n", False),  # which file that is cannot be told
        ("#run agents.py\nimport math\n", False),
        ("import importlib\n", False),
    ],
)
def test_what_imports_lead_to(text, apart):
    files = {**FILES, "try.ipynb": text, "try.py": text}
    graph = link([extract(path, each.encode()) for path, each in files.items()])
    assert is_apart(graph, "try.ipynb", {"memory.py"}) is apart
    assert not is_apart(graph, "try.ipynb", ())
    assert not is_apart(graph, "try.py", {"memory.py"})
    place = graph.place("try.ipynb", graph.module("try.ipynb").body[0])
    told = "never drawn from here: no import of the notebook leads to memory.py"
    assert Idle(graph).apart(place, {"memory.py"}) == (told if apart else None)
    assert Idle(graph, is_package=True).apart(place, {"memory.py"}) is None
