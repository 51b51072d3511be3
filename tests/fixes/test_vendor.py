from __future__ import annotations

import ast
import importlib.util
import subprocess
import sys
from pathlib import Path, PurePosixPath

import pytest

from per_audit.errors import UserError
from per_audit.fixes import vendor as module
from per_audit.fixes.vendor import copies, licence, vendor

HERE = PurePosixPath()


def put(root: Path, changes) -> None:
    for change in changes:
        path = root / change.path
        path.parent.mkdir(parents=True, exist_ok=True)
        assert (path.read_bytes() if path.exists() else None) == change.before
        if change.after is None:
            path.unlink()
        else:
            path.write_bytes(change.after)


def run(root: Path, script: str) -> str:
    """The output of a script in a project whose interpreter knows nothing of per-audit."""
    (root / "script.py").write_text(
        "import sys\nsys.meta_path = [f for f in sys.meta_path if 'editable' not in repr(f).lower()]\n"
        "sys.path = [p for p in sys.path if 'reference_impl' not in p]\n" + script
    )
    command = [sys.executable, "-B", "script.py"]
    return subprocess.run(command, cwd=root, check=True, capture_output=True, text=True, env={}).stdout


def test_the_copy_works_without_the_package(tmp_path):
    put(tmp_path, vendor(tmp_path, HERE, {"PrioritizedSampler", "importance_weighted_loss", "LinearSchedule"}))
    script = """
import experience_replay_optimizer as ero
sampler = ero.PrioritizedSampler(8)
sampler.add(0)
ind, weights = sampler.sample(4)
print(ero.__file__, ind.tolist(), ero.importance_weighted_loss(weights, weights), sorted(ero.__all__))
"""
    names = ["LinearSchedule", "PrioritizedSampler", "importance_weighted_loss"]
    package = tmp_path / "experience_replay_optimizer"
    assert run(tmp_path, script).strip() == f"{package / '__init__.py'} [0, 0, 0, 0] 1.0 {names}"
    assert (package / "LICENSE").read_bytes() == licence()
    for file in package.rglob("*.py"):
        assert file.read_bytes().startswith(b"# Copied by per-audit ")


def test_only_what_is_needed():
    few = copies({"LinearSchedule"})
    assert {str(path) for path in few} == {"__init__.py", "LICENSE", "schedules.py", "_validate.py"}
    assert few.keys() < copies({"CombinedReplayBuffer"}).keys()


# What the recipes ask for: a deque becomes a buffer, the index of a ring a sampler.
RECIPES = {
    "buffer": {"PrioritizedReplayBuffer", "LinearSchedule", "absolute_td_error", "importance_weighted_loss"},
    "combined buffer": {"CombinedReplayBuffer", "LinearSchedule", "absolute_td_error", "importance_weighted_loss"},
    "sampler": {"PrioritizedSampler", "LinearSchedule", "absolute_td_error", "importance_weighted_loss"},
}


@pytest.mark.parametrize("names", RECIPES.values(), ids=RECIPES.keys())
def test_the_copies_of_the_recipes_hold_what_runs_and_no_more(names):
    files = copies(names)
    assert len(files) < 32
    for path, data in files.items():
        if path.suffix == ".py":
            tree = ast.parse(data, feature_version=(3, 8))
            imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
            assert not imported & {"torch", "gymnasium", "stable_baselines3"}
            assert (imported >= {"numba"}) == (path.name == "kernels.py")
    stems = {path.stem for path in files}
    assert {"engine", "kernels", "prioritized", "losses", "schedules"} <= stems
    assert stems.isdisjoint({"hindsight", "n_step", "sequences", "frames", "linked", "uniform", "rank_index", "device"})


def test_a_copy_with_names_that_need_torch():
    init = copies({"TensorReplayBuffer", "LinearSchedule"})[PurePosixPath("__init__.py")]
    assert b"from .schedules import LinearSchedule\nfrom .tensor_buffer import TensorReplayBuffer\n" in init


LOOP = """
import numpy as np
import experience_replay_optimizer as ero
buffer = ero.PrioritizedReplayBuffer(64, seed=0)
for step in range(200):
    buffer.add(np.ones(3), 1, float(step), np.ones(3), False)
for _ in range(5):
    batch, weights, indices = buffer.sample(16)
    buffer.update_priorities(indices, batch.rewards)
buffer.save("buffer.zip")
again = ero.PrioritizedReplayBuffer(64, seed=1)
again.load("buffer.zip")
assert (again.sample(16).indices == buffer.sample(16).indices).all()
print(len(buffer), bool(sys.modules.get("numba")), [name for name in sys.modules if name.startswith("torch.")])
"""


def test_a_copied_buffer_works_without_numba(tmp_path):
    put(tmp_path, vendor(tmp_path, HERE, RECIPES["buffer"]))
    assert run(tmp_path, "sys.modules['numba'] = None\n" + LOOP).strip() == "64 False []"
    assert not list(tmp_path.rglob("*.nbi"))


@pytest.mark.skipif(importlib.util.find_spec("numba") is None, reason="needs numba")
def test_a_copied_buffer_works_with_numba_where_nothing_can_be_cached(tmp_path):
    put(tmp_path, vendor(tmp_path, HERE, RECIPES["buffer"]))
    # Files where directories are expected refuse all users, root included.
    (tmp_path / "experience_replay_optimizer/samplers/__pycache__").write_text("")
    (tmp_path / "home").write_text("")
    home = f"import os\nos.environ['HOME'] = {str(tmp_path / 'home')!r}\n"
    assert run(tmp_path, home + LOOP).strip() == "64 True []"


def test_every_export_can_be_copied():
    import experience_replay_optimizer as package

    for name in package.__all__:
        assert PurePosixPath("__init__.py") in copies({name})
    with pytest.raises(LookupError, match="exports no Nonsense"):
        copies({"Nonsense"})


def test_what_is_there_is_left_alone_and_grows(tmp_path):
    put(tmp_path, vendor(tmp_path, PurePosixPath("src"), {"LinearSchedule"}))
    assert vendor(tmp_path, PurePosixPath("src"), {"LinearSchedule"}) == []
    put(tmp_path, vendor(tmp_path, PurePosixPath("src"), {"PrioritizedSampler"}))
    init = (tmp_path / "src/experience_replay_optimizer/__init__.py").read_text()
    assert "LinearSchedule" in init
    assert "PrioritizedSampler" in init
    assert vendor(tmp_path, PurePosixPath("src"), {"LinearSchedule"}) == []


def test_other_line_endings_are_no_difference(tmp_path):
    put(tmp_path, vendor(tmp_path, HERE, {"LinearSchedule"}))
    for path in tmp_path.rglob("*"):
        if path.is_file():
            path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert vendor(tmp_path, HERE, {"LinearSchedule"}) == []


def test_an_older_copy_is_brought_up_to_date(tmp_path, monkeypatch):
    old = b'"""An old one."""\n\n__version__ = "0.0.1"\n\n__all__ = [\n    "LinearSchedule",\n    "Gone",\n]\n'
    folder = tmp_path / "experience_replay_optimizer"
    folder.mkdir()
    (folder / "__init__.py").write_bytes(module._with_header(old))
    (folder / "gone.py").write_bytes(module._with_header(b""))
    (folder / "mine.py").write_bytes(b"# mine\n")
    put(tmp_path, vendor(tmp_path, HERE, {"PrioritizedSampler"}))
    assert not (folder / "gone.py").exists()
    assert (folder / "mine.py").exists()
    assert b"LinearSchedule" in (folder / "__init__.py").read_bytes()
    assert b"Gone" not in (folder / "__init__.py").read_bytes()


def test_an_edited_copy_is_refused(tmp_path):
    put(tmp_path, vendor(tmp_path, HERE, {"LinearSchedule"}))
    path = tmp_path / "experience_replay_optimizer/schedules.py"
    path.write_bytes(path.read_bytes() + b"# mine\n")
    with pytest.raises(UserError, match=r"^experience_replay_optimizer/schedules\.py: this copy was edited"):
        vendor(tmp_path, HERE, {"LinearSchedule"})


@pytest.mark.parametrize("path", ["experience_replay_optimizer/__init__.py", "experience_replay_optimizer.py"])
def test_somebody_elses_module_is_refused(tmp_path, path):
    (tmp_path / path).parent.mkdir(exist_ok=True)
    (tmp_path / path).write_text("")
    with pytest.raises(UserError, match="is no copy that per-audit made"):
        vendor(tmp_path, HERE, {"LinearSchedule"})


def test_the_licence_is_that_of_the_repository():
    assert licence().startswith(b"MIT License")
