"""Classes that their file defines again, and methods that are assigned anew."""

from dataclasses import replace

import pytest

from per_audit.facts import extract
from per_audit.graph import link
from per_audit.graph.liveness.idle import Idle
from per_audit.graph.liveness.names.overwritten import is_assigned_anew


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


@pytest.mark.parametrize(
    ("patch", "said"),
    [
        ("Ring.add = keep", "never run here: line 9 puts `keep` in its place"),
        ("Ring.size = keep", None),
        ("Ring.add = 3", None),
        ("Other.add = keep", None),
    ],
)
def test_a_method_that_is_assigned_anew_is_never_run(project, patch, said):
    text = f"""
class Ring:
    def add(self, row):
        self.row = row
class Other:
    pass
def keep(ring, row):
    ring.last = row
{patch}
Ring().add(1)
"""
    graph = project(text)
    place = graph.place("main.py", graph.module("main.py").body[0].body[0].body[0])
    assert Idle(graph).why(place) == said


def test_a_method_that_another_file_assigns_anew_is_not_run_where_that_is_imported(project):
    ring = "class Ring:\n    def add(self, row):\n        self.row = row\n"
    patch = "from ring import Ring\n\nRing.add = lambda ring, row: None\n"
    graph = project("import patch\nfrom ring import Ring\n\nRing().add(1)\n", ring=ring, patch=patch)
    place = graph.place("ring.py", graph.module("ring.py").body[0].body[0].body[0])
    assert Idle(graph).why(place) == (
        "not run where patch.py is imported, which puts `lambda ring, row: None` in its place in line 3"
    )


@pytest.mark.parametrize(
    ("later", "is_lost"),
    [
        ("a = 2", True),
        ("print(b)\n    a = 2", True),
        ("b = 3\n    a, b = 2, 4", False),
        ("a += 2", False),
        ("a = a + 2", False),
        ("a[0] = 2\n    a = 3", False),
        ("print(a)\n    a = 2", False),
        ("b = a\n    a = 2", False),
        ("if b:\n        a = 2", False),
        ("if b:\n        return\n    a = 2", False),
        ("a: int\n    print(a)", False),
        ("return a", False),
    ],
)
def test_a_name_that_gets_another_value_loses_its_first(project, later, is_lost):
    graph = project(f"def f(b):\n    a = 1\n    {later}\n")
    statement = graph.module("main.py").body[0].body[0]
    assert is_assigned_anew(graph, "main.py", statement, "a") is is_lost
