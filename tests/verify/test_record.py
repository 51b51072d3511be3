from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

import experience_replay_optimizer
from per_audit.errors import UserError
from per_audit.verify.record import check_record, is_current, load_record, module_hash, write_record
from per_audit.verify.results import CheckResult, TargetResult, Verdict, Verification

SOURCES = sorted(Path(experience_replay_optimizer.__file__).parent.rglob("*.py"))


def verification(files, verdict=Verdict.PASS, target="bundled", complete=True):
    result = TargetResult(target, checks=[CheckResult("reach", verdict, 0, 0, 7, 0.1, "")])
    result.files = {str(path): path.read_text("utf-8") for path in files}
    return Verification([result], 7, complete)


def test_nothing_is_recorded_at_first(tmp_path):
    assert load_record(tmp_path)["entries"] == []
    assert not is_current(tmp_path, SOURCES)
    assert not (tmp_path / ".per-audit").exists()


def test_a_record_is_written_and_ignores_what_is_private(tmp_path):
    path = write_record(tmp_path, verification(SOURCES))
    assert path == tmp_path / ".per-audit" / "record.json"
    assert (path.parent / ".gitignore").read_text() == "*\n!record.json\n"
    assert {item.name for item in path.parent.iterdir()} == {".gitignore", "record.json"}
    (entry,) = json.loads(path.read_text())["entries"]
    assert entry["verdict"] == "PASS"
    assert entry["checks"] == {"reach": "PASS"}
    assert entry["seed"] == 7
    assert len(entry["sha256"]) == 64
    assert entry["modules"].keys() >= {"samplers/prioritized.py"}
    assert is_current(tmp_path, SOURCES)


def test_a_copy_of_some_modules_with_a_header_is_covered(tmp_path):
    write_record(tmp_path, verification(SOURCES))
    copies = []
    for path in SOURCES[: len(SOURCES) // 2 + 2]:
        copy = tmp_path / "vendored" / path.relative_to(SOURCES[0].parent)
        copy.parent.mkdir(parents=True, exist_ok=True)
        text = path.read_text("utf-8")
        if path.name == "__init__.py":
            text = '"""Part of it."""\n\nfrom .schedules import LinearSchedule\n\n__all__ = ["LinearSchedule"]\n'
        copy.write_bytes(("# Copied by per-audit 0.1.0\n# sha256 ...\n\n" + text).replace("\n", "\r\n").encode())
        copies.append(copy)
    assert is_current(tmp_path, copies)
    copies[-1].write_text(copies[-1].read_text("utf-8") + "\nX = 1\n", "utf-8")
    assert not is_current(tmp_path, copies)
    shutil.rmtree(tmp_path / "vendored")
    assert not is_current(tmp_path, copies)


@pytest.mark.parametrize("verdict", [Verdict.FAIL, Verdict.REGRESSION, Verdict.ERROR])
def test_only_a_good_verdict_counts(tmp_path, verdict):
    write_record(tmp_path, verification(SOURCES, verdict))
    assert not is_current(tmp_path, SOURCES)
    write_record(tmp_path, verification(SOURCES))
    assert is_current(tmp_path, SOURCES)
    assert len(load_record(tmp_path)["entries"]) == 1


def test_single_checks_cover_nothing(tmp_path):
    write_record(tmp_path, verification(SOURCES, complete=False))
    assert not is_current(tmp_path, SOURCES)


def test_entries_of_other_targets_stay(tmp_path):
    write_record(tmp_path, verification(SOURCES))
    write_record(tmp_path, verification(SOURCES[:1], target="another"))
    assert [item["target"] for item in load_record(tmp_path)["entries"]] == ["another", "bundled"]


def test_an_existing_ignore_file_is_extended(tmp_path):
    (tmp_path / ".per-audit").mkdir()
    (tmp_path / ".per-audit" / ".gitignore").write_text("*\n")
    write_record(tmp_path, verification(SOURCES))
    assert (tmp_path / ".per-audit" / ".gitignore").read_text() == "*\n!record.json\n"


@pytest.mark.parametrize("text", ["{", "[]", '{"schema_version": "1.0"}', '{"schema_version": "9.0", "entries": []}'])
def test_a_broken_record_is_an_error_with_a_remedy(tmp_path, text):
    (tmp_path / ".per-audit").mkdir()
    (tmp_path / ".per-audit" / "record.json").write_text(text)
    with pytest.raises(UserError, match=r"record\.json.*delete it"):
        load_record(tmp_path)


def test_a_folder_that_leads_out_is_refused(tmp_path):
    root, elsewhere = tmp_path / "root", tmp_path / "elsewhere"
    root.mkdir()
    elsewhere.mkdir()
    (root / ".per-audit").symlink_to(elsewhere)
    with pytest.raises(UserError, match="leads out of the project"):
        write_record(root, verification(SOURCES))


def test_hash_of_content():
    text = "x = 1\n"
    assert module_hash(text) == module_hash("# header\n#\n\nx = 1\r\n") == module_hash("\ufeffx = 1")
    assert module_hash(text) != module_hash("x = 2\n")


@pytest.fixture
def project(tmp_path):
    """A project whose buffer was verified: two modules of it and a file that uses them."""
    (tmp_path / "pyproject.toml").write_text("")
    for name in ("memory/tree.py", "memory/buffer.py", "train.py"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"NAME = {name!r}\n")
    found = verification([tmp_path / "memory" / "tree.py", tmp_path / "memory" / "buffer.py"], target="memory:Buffer")
    found.targets[0].callers = ("train.py",)
    write_record(tmp_path, found)
    return tmp_path


def test_an_unchanged_project_is_good(project):
    assert check_record(project) == [("memory:Buffer", "")]
    (project / "train.py").write_text("# A comment\n\nNAME = 'train.py'\n")
    (project / "other.py").write_text("x = 1\n")
    assert check_record(project) == [("memory:Buffer", "")]


@pytest.mark.parametrize("name", ["memory/tree.py", "memory/buffer.py", "train.py"])
def test_a_change_of_the_buffer_or_its_callers_is_named(project, name):
    (project / name).write_text("NAME = 'another'\n")
    assert check_record(project) == [("memory:Buffer", f"changed since: {name}")]
    (project / name).unlink()
    assert check_record(project) == [("memory:Buffer", f"changed since: {name}")]


def test_a_new_file_that_names_the_class_is_named(project):
    (project / "more.py").write_text("import memory\n")
    (project / ".venv").mkdir()
    (project / ".venv" / "x.py").write_text("Buffer\n")
    (project / "others.py").write_text("ReplayBuffer = Buffers = 1\n")
    assert check_record(project) == [("memory:Buffer", "")]
    (project / "scripts").mkdir()
    (project / "scripts" / "new.py").write_text("from memory import Buffer\n\nBuffer(3)\n")
    assert check_record(project) == [("memory:Buffer", "new since, and names the class: scripts/new.py")]
    (project / "scripts" / "new.py").unlink()
    (project / "more.py").write_text("from memory.buffer import Buffer as B\n")
    assert check_record(project) == [("memory:Buffer", "new since, and names the class: more.py")]


def test_a_target_with_its_settings_is_its_class(project):
    found = verification([project / "memory" / "buffer.py"], target="memory/buffer.py:Buffer (alpha=0.7)")
    found.targets[0].callers = ("train.py",)
    write_record(project, found)
    (project / "new.py").write_text("Buffer(3)\n")
    assert dict(check_record(project))["memory/buffer.py:Buffer (alpha=0.7)"].endswith("class: new.py")


def test_a_record_of_before_knows_no_names(project):
    edited(project, named=None)
    (project / "new.py").write_text("Buffer(3)\n")
    assert check_record(project) == [("memory:Buffer", "")]


def test_a_bad_verdict_and_single_checks_are_not_good(tmp_path):
    write_record(tmp_path, verification(SOURCES, Verdict.FAIL))
    write_record(tmp_path, verification(SOURCES, target="b", complete=False))
    assert [matter for _, matter in check_record(tmp_path)] == ["only some checks were run", "the verdict was FAIL"]


def test_the_bundled_buffers_are_looked_up_where_they_are_installed(tmp_path):
    write_record(tmp_path, verification(SOURCES, target="experience_replay_optimizer:PrioritizedReplayBuffer"))
    assert check_record(tmp_path) == [("experience_replay_optimizer:PrioritizedReplayBuffer", "")]
    path = tmp_path / ".per-audit" / "record.json"
    assert is_current(tmp_path, SOURCES)
    record = json.loads(path.read_text())
    record["entries"][0]["folder"] = "elsewhere"
    path.write_text(json.dumps(record))
    ((_, matter),) = check_record(tmp_path)
    assert matter.startswith("changed since: elsewhere/")


def edited(root, **changes):
    path = root / ".per-audit" / "record.json"
    record = json.loads(path.read_text())
    record["entries"][0].update(changes)
    path.write_text(json.dumps(record))


@pytest.mark.parametrize(
    "changes",
    [
        {"checks": {"reach": "FAIL"}},
        {"checks": {}},
        {"sha256": "0" * 64},
        {"modules": {}},
        {"modules": {"buffer.py": "0" * 64, "tree.py": "0" * 64}},
        {"verdict": "INCONCLUSIVE"},
    ],
)
def test_an_entry_that_contradicts_itself_is_not_believed(project, changes):
    files = [project / "memory" / "tree.py", project / "memory" / "buffer.py"]
    assert is_current(project, files)
    edited(project, **changes)
    ((_, matter),) = check_record(project)
    assert "contradicts itself" in matter
    assert not is_current(project, files)


@pytest.mark.parametrize(
    "changes",
    [
        {"modules": []},
        {"modules": {"buffer.py": ["x"]}},
        {"callers": "train.py"},
        {"checks": None},
        {"target": 3},
        {"named": "train.py"},
        {"named": [3]},
    ],
)
def test_an_entry_of_other_types_is_no_record(project, changes):
    edited(project, **changes)
    with pytest.raises(UserError, match=r"record\.json.*delete it"):
        check_record(project)


def test_what_a_package_hands_on_is_part_of_the_buffer(project):
    """`memory:Buffer` is another class where its package takes it from elsewhere."""
    package = project / "memory" / "__init__.py"
    package.write_text("from .buffer import Buffer\n")
    found = verification([package, project / "memory" / "buffer.py"], target="memory:Buffer")
    write_record(project, found)
    assert check_record(project) == [("memory:Buffer", "")]
    package.write_text("from .uniform import Buffer\n")
    assert check_record(project) == [("memory:Buffer", "changed since: memory/__init__.py")]


def test_names_that_are_no_files_do_not_end_it(project):
    edited(project, callers={"a\0b": "0" * 64})
    assert check_record(project)[0][1].startswith("changed since: ")


def test_without_a_record_there_is_nothing_to_check(tmp_path):
    with pytest.raises(UserError, match="there is no verification record"):
        check_record(tmp_path)
