"""Which module an import means, and who owns functions and classes."""

import pytest

from per_audit.facts import extract
from per_audit.graph.project import Project


def project(*paths, **texts):
    modules = [extract(path, b"") for path in paths]
    return Project([*modules, *(extract(f"{name}.py", text.encode()) for name, text in texts.items())])


@pytest.mark.parametrize(
    ("importer", "dotted", "level", "found"),
    [
        # relative: exact, and never beyond
        ("pkg/agents/dqn.py", "memory", 1, "pkg/agents/memory.py"),
        ("pkg/agents/dqn.py", "common.memory", 2, "pkg/common/memory.py"),
        ("pkg/agents/dqn.py", "common", 2, "pkg/common/__init__.py"),
        ("pkg/agents/dqn.py", "", 2, "pkg/__init__.py"),
        ("pkg/__init__.py", "agents.dqn", 1, "pkg/agents/dqn.py"),
        ("pkg/agents/dqn.py", "nowhere", 1, None),
        # absolute: from the directory of the script outwards
        ("pkg/agents/dqn.py", "memory", 0, "pkg/agents/memory.py"),
        ("scripts/train.py", "helpers", 0, "scripts/helpers.py"),
        ("scripts/train.py", "pkg.common.memory", 0, "pkg/common/memory.py"),
        ("scripts/train.py", "pkg", 0, "pkg/__init__.py"),
        # under another import root
        ("scripts/train.py", "lib.ring", 0, "src/lib/ring.py"),
        ("scripts/train.py", "lib", 0, "src/lib/__init__.py"),
        # by the only module of that name
        ("scripts/train.py", "ring", 0, "src/lib/ring.py"),
        # several of that name, and none nearer
        ("scripts/train.py", "memory", 0, None),
        # the scanned directory is the package itself
        ("scripts/train.py", "whole.pkg.common", 0, "pkg/common/__init__.py"),
        ("scripts/train.py", "numpy", 0, None),
        ("scripts/train.py", "torch.nn", 0, None),
    ],
)
def test_the_module_that_an_import_means(importer, dotted, level, found):
    all_of_it = project(
        "pkg/__init__.py",
        "pkg/agents/dqn.py",
        "pkg/agents/memory.py",
        "pkg/common/__init__.py",
        "pkg/common/memory.py",
        "scripts/train.py",
        "scripts/helpers.py",
        "src/lib/__init__.py",
        "src/lib/ring.py",
    )
    assert all_of_it.find_module(importer, dotted, level) == found


def test_of_several_with_the_same_tail_the_nearest_counts():
    both = project("one/src/lib/ring.py", "two/src/lib/ring.py", "one/scripts/run.py", "two/scripts/run.py")
    assert both.find_module("one/scripts/run.py", "lib.ring") == "one/src/lib/ring.py"
    assert both.find_module("two/scripts/run.py", "lib.ring") == "two/src/lib/ring.py"


def test_the_reference_package_is_known_by_its_interface():
    vendored = project("experience_replay_optimizer/__init__.py", "train.py")
    assert vendored.find_module("train.py", "experience_replay_optimizer") is None


def test_owners_and_qualified_names():
    found = project(
        nest="""class A:
    class B:
        def m(self):
            def inner():
                return lambda: 0
    if x:
        def conditional(self): pass
def f():
    class C:
        def n(self): pass
"""
    )
    names = {found.qualified(node) for node in (*found.functions, *found.classes)}
    assert {"A", "A.conditional", "f"} <= names
    owners = {node.name: found.class_of[node].name for node in found.functions if node in found.class_of}
    assert owners == {"m": "B", "conditional": "A", "n": "C"}
    assert {node.name: found.outer_of[node].name for node in found.functions if node in found.outer_of} == {
        "inner": "m",
        "n": "f",
    }


@pytest.mark.parametrize(
    ("text", "changes"),
    [
        ("def f(c):\n    c.reduction = 'none'\n", True),
        ("class A:\n    def f(self):\n        self.criterion.reduction = 'sum'\n", True),
        ("class Loss:\n    def __init__(self, reduction):\n        self.reduction = reduction\n", False),
        ("def f(c):\n    return c.reduction\n", False),
    ],
)
def test_whether_the_reduction_of_a_criterion_is_changed(text, changes):
    assert project(losses=text).changes_reductions is changes


def test_the_words_of_statements_are_names_and_parts_of_texts_but_not_the_text_of_the_module():
    found = project(ring="'''Of Others.'''\nclass Ring:\n    kinds = 'pkg.Row, Column'\nmade = Ring.whole(3)\n")
    assert [words for _, words in found.words("ring.py")] == [
        {"kinds", "pkg", "Row", "Column"},
        {"made", "Ring", "whole"},
    ]


def test_the_statements_that_name_a_word_come_by_file_whoever_asks_again():
    known = project(b='"Memory"\nz = "of Memory"\n', a="x = Memory()\ny = Other\n")
    found = known.naming("Memory")
    assert [(path, type(statement).__name__, statement.start) for path, statement in found] == [
        ("a.py", "Assign", 0),
        ("b.py", "Assign", 9),
    ]
    assert known.naming("Memory") is found
    assert known.naming("Mem") == []


def test_words_stand_alone_between_quotation_marks():
    known = project(one="x = getattr(y, 'store')\nz = {'a':'b', \"déjà\": 'two words'}\n# don't\n", two="v = 'c'\n")
    assert known.quoted >= {b"store", b"a", b"b", "déjà".encode(), b"c"}
    assert known.quoted.isdisjoint({b"two", b"words", b"two words", b"getattr"})
