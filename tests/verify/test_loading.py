"""Classes out of files that cannot be imported as a whole."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from per_audit.verify.child.loading import Excerpts, import_file, runs_something
from per_audit.verify.results import Verdict
from per_audit.verify.run import Options, verify

SCRIPT = """
import no_such_library as nsl
from no_such_library import layers
from helpers import Correct

LIMIT = 10
network = nsl.Sequential(layers.Dense(4))


class Memory(Correct):
    def save_graph(self):
        return nsl.save(network)

    def limit(self):
        return LIMIT


for step in range(10):
    network.fit(step)
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "helpers.py").write_text(
        "import no_such_library\n" + Path(__file__).with_name("zoo.py").read_text("utf-8").split("class RankBased")[0]
    )
    (tmp_path / "agent.py").write_text(SCRIPT)
    return tmp_path


def test_only_what_the_class_names_is_run(project):
    excerpts = Excerpts()
    memory = excerpts.of(project / "agent.py", "Memory")(10)
    assert memory.limit() == 10
    assert list(excerpts.missing) == ["no_such_library"]
    with pytest.raises(ModuleNotFoundError, match="no_such_library"):
        memory.save_graph()


def test_a_script_is_told_from_a_module(project):
    assert runs_something(project / "agent.py")
    assert not runs_something(project / "helpers.py")


def test_a_name_that_nothing_defines(project):
    with pytest.raises(KeyError):
        Excerpts().of(project / "agent.py", "Other")


def test_a_base_that_is_missing_is_the_matter(project):
    (project / "net.py").write_text("from no_such_library import Base\n\nclass Memory(Base):\n    pass\n")
    with pytest.raises((ModuleNotFoundError, TypeError)):
        Excerpts().of(project / "net.py", "Memory")


def test_a_module_of_the_project_under_another_name(project):
    (project / "uses.py").write_text("import helpers as h\n\nclass Memory(h.Correct):\n    pass\n")
    assert Excerpts().of(project / "uses.py", "Memory")(10).capacity == 10


def test_a_folder_whose_files_import_each_other_with_dots(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path])
    folder = tmp_path / "memories_of_it"
    folder.mkdir()
    (folder / "tools.py").write_text("X = 3\n")
    (folder / "memory.py").write_text("from .tools import X\n")
    assert import_file(folder / "memory.py").X == 3


def test_it_is_verified_and_said(project):
    (found,) = verify([f"{project}/agent.py:Memory"], Options(checks=("reach", "seed"))).targets
    assert [check.verdict for check in found.checks] == [Verdict.PASS] * 2, found.checks
    assert found.mapping["loaded"].startswith("only what Memory names")
    assert any(name.endswith("agent.py") for name in found.files)


def test_what_needs_what_is_missing_is_an_error_that_names_it(project):
    (project / "agent.py").write_text(
        "import no_such_library as n\n\nclass Memory:\n    def __init__(self, capacity):\n        self.x = n.zeros()\n"
    )
    (found,) = verify([f"{project}/agent.py:Memory"], Options(checks=("reach",))).targets
    assert found.verdict is Verdict.ERROR
    assert "no_such_library" in found.checks[0].message
    assert "--python" in found.checks[0].message
