"""The package can be copied into other projects: few imports, old syntax, nothing from outside."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import experience_replay_optimizer

ROOT = Path(experience_replay_optimizer.__file__).parent
MODULES = sorted(ROOT.rglob("*.py"))
STANDARD = {"__future__", "collections", "functools", "math", "operator", "typing"}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_modules_parse_on_python_3_8_and_import_numpy_alone(path):
    tree = ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 8))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            assert {alias.name.split(".")[0] for alias in node.names} <= STANDARD | {"numpy"}
        if isinstance(node, ast.ImportFrom) and node.level == 0:
            assert node.module.split(".")[0] in STANDARD | {"numpy"}
    assert len(path.read_text(encoding="utf-8").splitlines()) < 400


def test_public_names_exist():
    for name in experience_replay_optimizer.__all__:
        assert getattr(experience_replay_optimizer, name).__doc__


def test_importing_loads_no_torch():
    code = "import sys, experience_replay_optimizer; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": str(ROOT.parent)})
