"""How the reference buffers come into a project."""

import pytest

from per_audit.errors import UserError
from per_audit.fixes.delivery import deliver
from per_audit.fixes.layout import Layout
from per_audit.fixes.plan import FixOptions

NAMES = {"src/a.py": {"PrioritizedReplayBuffer"}}
LAYOUT = Layout({"src/a.py": b"import random\n"})


@pytest.fixture
def project(tmp_path):
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "a.py").write_bytes(b"import random\n")
    return tmp_path


def test_by_default_the_package_is_copied_beside_what_imports_it(project):
    changes, notes = deliver(project, project, LAYOUT, NAMES, FixOptions())
    assert {change.path.split("/")[:2][-1] for change in changes} == {"experience_replay_optimizer"}
    assert all(change.path.startswith("src/") and change.before is None for change in changes)
    assert notes == []


def test_what_is_declared_is_not_copied(project):
    (project / "requirements.txt").write_text("numpy\nper-audit>=0.1\n")
    changes, notes = deliver(project, project, LAYOUT, NAMES, FixOptions())
    assert changes == []
    assert "per-audit" in notes[0]
    copied, _ = deliver(project, project, LAYOUT, NAMES, FixOptions(delivery="vendor"))
    assert copied


def test_a_dependency_is_declared_by_its_path_below_the_root(project):
    (project / "src" / "requirements.txt").write_text("numpy\n")
    (change,), _ = deliver(project, project / "src", LAYOUT, NAMES, FixOptions(delivery="dependency"))
    assert change.path == "src/requirements.txt"
    assert change.before == b"numpy\n"
    assert b"per-audit" in (change.after or b"")


def test_nothing_is_copied_outside_the_project(project):
    (project / "other").mkdir()
    with pytest.raises(UserError, match=r"^src: .* outside the project"):
        deliver(project, project / "other", LAYOUT, NAMES, FixOptions())


@pytest.mark.parametrize(
    ("text", "count"), [('[build-system]\nrequires = ["hatchling"]\n', 1), ("[tool.ruff]\nline-length = 99\n", 0)]
)
def test_a_project_that_is_built_is_told_to_include_the_copy(project, text, count):
    (project / "pyproject.toml").write_text(text)
    _, notes = deliver(project, project, LAYOUT, NAMES, FixOptions())
    assert len(notes) == count


def test_directories_from_which_one_file_is_imported_get_the_same_copy(tmp_path):
    files = {
        "play.py": b"from agents.dqn import Agent\n",
        "agents/dqn.py": b"from memory import Memory\n",
        "agents/train.py": b"from dqn import Agent\n",
        "agents/memory.py": b"import random\n",
        "other/alone.py": b"import random\n",
    }
    for path, data in files.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_bytes(data)
    names = {
        "agents/dqn.py": {"importance_weighted_loss"},
        "agents/memory.py": {"PrioritizedSampler"},
        "other/alone.py": {"lap_loss"},
    }
    changes, _ = deliver(tmp_path, tmp_path, Layout(files), names, FixOptions())
    copies = {change.path: change.after for change in changes if change.path.endswith("/__init__.py")}
    first, second = (copies[f"{place}experience_replay_optimizer/__init__.py"] for place in ("", "agents/"))
    assert first == second
    assert b"PrioritizedSampler" in first
    assert b"importance_weighted_loss" in first
    assert b"lap_loss" not in first
    assert b"lap_loss" in copies["other/experience_replay_optimizer/__init__.py"]
