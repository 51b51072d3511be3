from __future__ import annotations

import pytest

from per_audit.fixes.layout import Layout

MAIN = "if __name__ == '__main__':\n    pass\n"


def roots(files: dict[str, str], path: str) -> set[str]:
    return {str(root) for root in Layout({name: text.encode() for name, text in files.items()}).import_roots(path)}


@pytest.mark.parametrize(
    ("files", "path", "expected"),
    [
        ({"dqn.py": ""}, "dqn.py", {"."}),
        ({"examples/dqn.py": MAIN}, "examples/dqn.py", {"examples"}),
        ({"main.py": "from agents.dqn import Agent", "agents/dqn.py": ""}, "agents/dqn.py", {"."}),
        ({"main.py": "import agents.dqn as d", "agents/dqn.py": ""}, "agents/dqn.py", {"."}),
        ({"main.py": "from agents import dqn", "agents/dqn.py": "", "agents/__init__.py": ""}, "agents/dqn.py", {"."}),
        ({"td3/train.py": "import td3", "td3/td3.py": ""}, "td3/td3.py", {"td3"}),
        (
            {"main.py": "from agents.dqn import A", "agents/dqn.py": "from .memory import M", "agents/memory.py": ""},
            "agents/memory.py",
            {"."},
        ),
        ({"src/pkg/__init__.py": "", "src/pkg/a/__init__.py": "", "src/pkg/a/b.py": ""}, "src/pkg/a/b.py", {"src"}),
        (
            {"src/pkg/__init__.py": "", "src/pkg/b.py": "", "tests/test_b.py": "from pkg.b import B"},
            "src/pkg/b.py",
            {"src"},
        ),
        (
            {"a/main.py": "import utils", "a/utils.py": "", "b/utils.py": "", "b/x.py": "import utils"},
            "b/utils.py",
            {"b"},
        ),
        ({"main.py": "import agents.dqn", "agents/dqn.py": MAIN}, "agents/dqn.py", {".", "agents"}),
        (
            {"main.py": "import agents.dqn", "agents/dqn.py": "from agents.net import N\n" + MAIN, "agents/net.py": ""},
            "agents/dqn.py",
            {"."},
        ),
        (
            {"lib/replay.py": "", "train/main.py": "import sys\nsys.path.append('../lib')\nfrom replay import R"},
            "lib/replay.py",
            {"lib"},
        ),
        ({"pkg/__init__.py": "from .a import *", "pkg/a.py": "", "main.py": "import pkg"}, "pkg/__init__.py", {"."}),
        ({"a.py": "from .b import x", "b.py": "from .a import y"}, "a.py", {"."}),
        ({"broken.py": "import a (", "a.py": ""}, "a.py", {"."}),
    ],
)
def test_import_roots(files, path, expected):
    assert roots(files, path) == expected


def test_local_names():
    files = {"main.py": "from agents.dqn import A", "agents/dqn.py": "", "agents/net.py": "", "envs/grid/maze.py": ""}
    found = Layout({path: text.encode() for path, text in files.items()})
    assert found.local_names("agents/dqn.py") == {"main", "agents", "dqn", "net", "envs"}


@pytest.mark.parametrize(
    ("importer", "expected"),
    [
        ("from replay import *", True),
        ("from replay import ReplayBuffer, random", True),
        ("from replay import ReplayBuffer", False),
        ("import replay\nreplay.random.seed(0)", True),
        ("import replay\nreplay.ReplayBuffer()", False),
        ("import replay as random", False),
        ("from other import *", False),
        ("replay = 'random'", False),
    ],
)
def test_imports_through_a_file(importer, expected):
    files = {"main.py": importer, "replay.py": "import random", "other.py": ""}
    found = Layout({path: text.encode() for path, text in files.items()})
    assert found.imports_from("replay.py", "random") is expected


def test_imports_through_a_package():
    files = {"main.py": "from pkg import random", "pkg/__init__.py": "from .a import *", "pkg/a.py": "import random"}
    found = Layout({path: text.encode() for path, text in files.items()})
    assert found.imports_from("pkg/a.py", "random")
    assert found.imports_from("pkg/__init__.py", "random")
