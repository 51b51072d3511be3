"""Classes that their file defines again."""

from dataclasses import replace

import pytest

from per_audit.facts import extract
from per_audit.graph import link
from per_audit.graph.liveness.idle import Idle


@pytest.mark.parametrize(
    ("between", "path", "said"),
    [
        ("import math", "memory.py", "never run here: line 6 defines Ring again"),
        ("ring = Ring()", "memory.py", None),
        ("class Other(Ring): pass", "memory.py", None),
        ("import math", "memory.ipynb", None),
    ],
)
def test_a_class_that_its_file_defines_again_is_never_run(between, path, said):
    text = f"class Ring:\n    def add(self, row):\n        self.row = row\n\n{between}\nclass Ring:\n    pass\n"
    text = f"{text}\n\nring = Ring()\n"
    graph = link([extract("memory.py", text.encode())])
    graph.project.modules[path] = graph.project.modules["memory.py"]
    first = graph.module("memory.py").body[0].body[0].body[0]
    place = graph.place("memory.py", first)
    assert Idle(graph).why(replace(place, path=path)) == said
