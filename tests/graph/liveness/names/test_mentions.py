"""Where classes and functions are named, and what has their names by chance."""

import pytest

from per_audit.facts import ir
from per_audit.graph.liveness.names.lookups import Lookups
from per_audit.graph.liveness.names.mentions import Mentions, is_another, is_meant, is_no_method

DEFINED = "class Memory:\n    def sample(self, n: int):\n        pass\n"


def mentions_of(graph):
    return Mentions(graph, Lookups(graph))


@pytest.mark.parametrize(
    ("code", "count"),
    [
        ("memory = Memory()", 1),
        ("class Ring(Memory):\n    kept: Memory = Memory", 2),  # the base and the value, not the type
        ("from memories import Memory", 0),
        ("from memories import Memory as Kept", 1),
        ("isinstance(thing, Memory)", 0),
        ("__all__ = ['Memory']", 0),
        ("make('memories.Memory')", 1),
        ("print('a Memory of rows')", 0),  # a sentence
        ("'Memory'", 0),
    ],
)
def test_where_a_class_is_named(project, code, count):
    graph = project(f"{DEFINED}{code}\n")
    cls = next(each for each in graph.project.classes if each.name == "Memory")
    assert len(mentions_of(graph).of(cls)) == count


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("import random\nrandom.sample([1], 1)", True),
        ("import gymnasium\nenv = gymnasium.make('a')\nenv.action_space.sample()", True),
        ("from memories import Memory\nMemory().sample(3)", False),
        ("thing.sample(3)", False),
    ],
)
def test_methods_of_libraries_with_the_same_name(project, code, expected):
    graph = project(code, memories=DEFINED)
    (method,) = graph.project.functions
    named = [node for path, node in mentions_of(graph).of(method) if path == "main.py"]
    assert [mentions_of(graph).is_of_others(node, method) for node in named] == [expected]


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("from memories import Memory\nMemory()", False),
        ("from .memories import *\nMemory()", False),
        ("from keep import Memory\nMemory()", True),
        ("Memory = make()\nMemory()", True),
        ("Memory()", False),  # its import is missing
    ],
)
def test_a_file_that_brings_in_none_of_the_name(project, code, expected):
    graph = project(code, memories=DEFINED)
    (cls,) = graph.project.classes
    named = [node for path, node in mentions_of(graph).of(cls) if path == "main.py"]
    assert mentions_of(graph).is_out_of_sight("main.py", named[-1], cls) is expected


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("import newer\nmake('Memory')", True),
        ("from newer import make\nmake('Memory')", True),
        ("import newer, memories\nmake('Memory')", False),
        ("make('Memory')", False),  # whoever makes it may look anywhere
        ("import newer, importlib\nmake(importlib.import_module(name), 'Memory')", False),
        ("import newer, importlib\nmake(importlib.import_module('memories'), 'Memory')", False),
    ],
)
def test_a_text_means_what_its_file_imports(project, code, expected):
    graph = project(code, memories=DEFINED, newer=DEFINED)
    cls = next(each for each in graph.module("memories.py").nodes_of(ir.Class))
    named = [node for path, node in mentions_of(graph).of(cls) if path == "main.py"]
    assert mentions_of(graph).is_out_of_sight("main.py", named[-1], cls) is expected


def test_a_name_that_stands_for_another_class(project):
    graph = project("class Memory:\n    pass\n\nMemory()\n", other="class Memory:\n    pass\n")
    here, there = (next(c for c in graph.module(p).nodes_of(ir.Class)) for p in ("main.py", "other.py"))
    (name,) = graph.module("main.py").nodes_of(ir.Name)
    assert is_another(graph, name, there)
    assert not is_another(graph, name, here)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("sample = 3\nprint(sample)", [True, True]),
        ("thing.sample(3)", [False]),
        ("if thing == 'all':\n    thing.sample(3)", [True]),
        ("thing.sample", [False]),
        ("from memories import Memory\nclass Ring(Memory):\n    again = sample", [True]),
    ],
)
def test_names_that_are_no_methods(project, code, expected):
    graph = project(code, memories=DEFINED)
    method = next(each for each in graph.project.functions if each.name == "sample")
    named = [(path, node) for path, node in mentions_of(graph).of(method) if path == "main.py"]
    assert [is_no_method(graph, path, node, method) for path, node in named] == expected


def test_a_name_in_the_body_of_its_class_is_the_method(project):
    graph = project(f"{DEFINED}    again = sample\n")
    (method,) = graph.project.functions
    ((path, node),) = mentions_of(graph).of(method)
    assert not is_no_method(graph, path, node, method)


@pytest.mark.parametrize(
    ("code", "meant"),
    [
        ("Kept = Memory\nKept", True),
        ("Kept = Memory if size else 3\nKept", True),
        ("from elsewhere import Kept\nKept", False),
    ],
)
def test_what_a_name_is_known_to_stand_for(project, code, meant):
    graph = project(f"{DEFINED}{code}\n")
    (module,) = graph.project.modules.values()
    (cls,) = graph.project.classes
    name = [node for node in module.nodes_of(ir.Name) if node.id == "Kept"][-1]
    assert is_meant(graph, name, cls) is meant
