"""The package can be copied into other projects: few imports, old syntax, nothing from outside."""

import ast
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

import experience_replay_optimizer

ROOT = Path(experience_replay_optimizer.__file__).parent
MODULES = sorted(ROOT.rglob("*.py"))
STANDARD = sys.stdlib_module_names
# Imported where they are used, inside functions, or by modules that exist for them alone.
OPTIONAL = {"gymnasium", "numba", "stable_baselines3", "torch"}
DEDICATED = {
    "samplers/kernels.py",
    "samplers/device.py",
    "storage/tensors.py",
    "tensor_batch.py",
    "tensor_buffer.py",
    "training.py",
}
WITH_TORCH = [
    "DevicePrioritizedSampler",
    "TensorReplayBuffer",
    "TensorStorage",
    "as_tensors",
    "train_with_prioritized_replay",
]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_modules_parse_on_python_3_8_and_import_numpy_alone(path):
    tree = ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 8))
    name = path.relative_to(ROOT).as_posix()
    dedicated = name in DEDICATED or name.startswith("adapters/")
    at_once = {node for node in tree.body if isinstance(node, (ast.Import, ast.ImportFrom))}
    for node in ast.walk(tree):
        allowed = STANDARD | {"numpy"} | (OPTIONAL if dedicated or node not in at_once else set())
        if isinstance(node, ast.Import):
            assert {alias.name.split(".")[0] for alias in node.names} <= allowed
        if isinstance(node, ast.ImportFrom) and node.level == 0:
            assert node.module.split(".")[0] in allowed
    assert len(path.read_text(encoding="utf-8").splitlines()) < 450


def test_public_names_exist():
    for name in experience_replay_optimizer.__all__:
        if name not in WITH_TORCH or importlib.util.find_spec("torch"):
            assert getattr(experience_replay_optimizer, name).__doc__
    with pytest.raises(AttributeError, match="no attribute 'UniformBuffer'"):
        experience_replay_optimizer.UniformBuffer  # noqa: B018


def test_what_needs_torch_says_so_where_it_is_missing():
    code = """
import sys
sys.modules["torch"] = None
import experience_replay_optimizer
for name in sys.argv[1:]:
    try:
        getattr(experience_replay_optimizer, name)
    except ImportError as error:
        assert str(error) == f"{name} needs torch: pip install torch", error
    else:
        sys.exit(name)
"""
    subprocess.run([sys.executable, "-c", code, *WITH_TORCH], check=True, env={"PYTHONPATH": str(ROOT.parent)})


def test_importing_loads_no_torch():
    code = "import sys, experience_replay_optimizer; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": str(ROOT.parent)})
