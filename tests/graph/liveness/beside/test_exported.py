"""Packages that nothing says how to build are there for others where they give out names and nothing uses them."""

import pytest

from per_audit.facts import extract
from per_audit.graph import link
from per_audit.graph.liveness.beside.exported import exported

INIT = "from .core import Trainer\n\n__all__ = ['Trainer']\n"
CORE = "class Trainer:\n    pass\n\n\ndef train():\n    pass\n"
HERE = {"lib/__init__.py", "lib/core.py"}


def _linked(files):
    texts = {"lib/__init__.py": INIT, "lib/core.py": CORE, **files}
    return link([extract(path, text.encode()) for path, text in texts.items()])


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, HERE),
        ({"lib/__init__.py": INIT.replace("__all__ = ['Trainer']", "__version__ = '0.1'")}, HERE),
        ({"lib/__init__.py": INIT.replace("__all__ = ['Trainer']\n", "")}, set()),
        ({"lib/__init__.py": "__version__ = '0.1'\n"}, set()),
        ({"tests/test_core.py": "from lib import Trainer\n\n\ndef test():\n    Trainer()\n"}, HERE),
        ({"main.py": "from lib import Trainer\n"}, set()),
        ({"lib/core.py": CORE + "\n\nif __name__ == '__main__':\n    train()\n"}, set()),
        ({"lib/core.py": CORE + "\n\ntrain()\n"}, set()),
        ({"lib/core.py": CORE + "\n\nfor _ in range(3):\n    print(0)\n"}, set()),
        ({"lib/core.py": "print(0)\n" + CORE}, HERE),
    ],
)
def test_what_is_given_out(files, expected):
    assert exported(_linked(files)) == expected


def test_a_file_that_cannot_be_read_may_use_it():
    graph = _linked({})
    graph.unread = (b"import lib\nprint 'it'\n",)
    assert not exported(graph)
