"""Names that mean a library wherever a tree has modules of the same name."""

import pytest

from per_audit.source.resolve import Modules

TREE = Modules(
    [
        "agents/random.py",
        "agents/torch/__init__.py",
        "agents/__init__.py",
        "agents/torch/dqn.py",
        "numpy/__init__.py",
        "numpy/random.py",
        "numpy/linalg/norms.py",
        "site-packages/six.py",
        "site-packages/one/a.py",
        "site-packages/one/b.py",
        "site-packages/two/c.py",
    ]
)


@pytest.mark.parametrize(
    ("importer", "dotted", "found"),
    [
        ("train.py", "random", None),
        ("agents/dqn.py", "random", None),
        ("agents/torch/dqn.py", "torch", None),
        ("train.py", "numpy.random", None),
        ("numpy/linalg/norms.py", "numpy.random", "numpy/random.py"),
        ("numpy/linalg/norms.py", "numpy", "numpy/__init__.py"),
        ("site-packages/one/a.py", "one.b", "site-packages/one/b.py"),
        ("site-packages/one/a.py", "two.c", None),
        ("site-packages/one/a.py", "six", None),
        ("train.py", "six", None),
        ("train.py", "two.c", None),
    ],
)
def test_libraries(importer, dotted, found):
    assert TREE.find(importer, dotted) == found


def test_relative_imports_are_files_whatever_they_are_called():
    assert TREE.find("agents/dqn.py", "random", 1) == "agents/random.py"
