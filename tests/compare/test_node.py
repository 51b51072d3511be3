from __future__ import annotations

import os
import pickle
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from per_audit.compare import node
from per_audit.compare.results import CRASHED, OK, TIMED_OUT
from per_audit.compare.trees import trees

from .projects import PYTHON, write


@pytest.fixture
def place(tmp_path, monkeypatch):
    """The temporary folder of the node."""
    folder = tmp_path / "node"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def made(project, seed=0, timeout=60.0, results="progress.csv", command=PYTHON):
    data = node.packed(project)
    return node.run_on_node("token", data, "before", "", seed, (*command, "train.py", "{seed}"), timeout, results)


def test_what_is_unpacked_is_what_was_packed(project, tmp_path):
    (project / "sub").mkdir()
    (project / "sub" / "empty").mkdir()
    (project / "sub" / "run.sh").write_text("#!/bin/sh\n")
    (project / "sub" / "run.sh").chmod(0o755)
    (project / "link").symlink_to("train.py")
    (project / "out").symlink_to("/no/such/place")
    (project / "b\u00e9ta \u03b2.bin").write_bytes(bytes(range(256)))
    with trees(".", ".", project) as (before, _):
        node.unpacked(node.packed(before.folder), tmp_path / "there")
        with trees(str(tmp_path / "there"), ".", project) as (there, here):
            assert there.digest == here.digest == before.digest
    assert os.access(tmp_path / "there" / "sub" / "run.sh", os.X_OK)
    assert (tmp_path / "there" / "out").readlink() == Path("/no/such/place")


def test_a_tree_is_unpacked_once(project, tmp_path):
    data = node.packed(project)
    place = tmp_path / "node"
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(lambda _: node.unpacked_once(place, "before", data), range(16)))
    assert found == {place / "before"}
    assert [path.name for path in place.iterdir()] == ["before"]
    (place / "before" / "mark").write_text("")
    assert (node.unpacked_once(place, "before", data) / "mark").exists()


def test_a_run_answers_with_its_files_and_leaves_only_the_tree(project, place):
    answer = made(project)
    assert answer["status"] == OK
    assert answer["files"]["progress.csv"].startswith(b"step,return")
    assert answer["output.txt"] == b""
    assert [path.name for path in (place / "per-audit-compare-token").iterdir()] == ["before"]
    assert made(project)["files"] == answer["files"] != made(project, seed=1)["files"]
    node.cleaned("token")
    assert list(place.iterdir()) == []


def test_runs_that_fail(project, place):
    write(project, "print('hello', flush=True); raise SystemExit(3)")
    answer = made(project)
    assert (answer["status"], answer["message"]) == (CRASHED, "ended with exit code 3: hello")
    assert answer["output.txt"] == b"hello\n"
    write(project, "import time; time.sleep(1000)")
    node.cleaned("token")
    assert made(project, timeout=0.5)["status"] == TIMED_OUT
    answer = made(project, command=("no-such-program",))
    assert answer["error"].startswith("no-such-program: cannot be run")


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="needs /proc")
def test_what_still_runs_is_ended(place):
    (place / "per-audit-compare-token").mkdir()
    marked = {**os.environ, "PER_AUDIT_COMPARE_CLUSTER": "token"}
    words = [sys.executable, "-c", "print(flush=True); import time; time.sleep(1000)"]
    with (
        subprocess.Popen(words, env=marked, stdout=subprocess.PIPE) as mine,
        subprocess.Popen(words, env={**marked, "PER_AUDIT_COMPARE_CLUSTER": "other"}, stdout=subprocess.PIPE) as other,
    ):
        assert mine.stdout.readline()
        assert other.stdout.readline()
        node.cleaned("token")
        assert mine.wait(10) != 0
        assert other.poll() is None
        other.kill()
    assert list(place.iterdir()) == []


def test_nodes_do_without_per_audit(project, place, tmp_path):
    cloudpickle = pytest.importorskip("cloudpickle")
    import per_audit

    cloudpickle.register_pickle_by_value(per_audit)
    try:
        command = (*PYTHON, "train.py", "{seed}")
        call = (node.run_on_node, ("token", node.packed(project), "before", "", 0, command, 60.0, "progress.csv"))
        (tmp_path / "call").write_bytes(cloudpickle.dumps(call))
    finally:
        cloudpickle.unregister_pickle_by_value(per_audit)
    code = f"""
import sys, pickle
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0].startswith("per_audit"):
            raise ImportError(name)
sys.meta_path.insert(0, Absent())
import cloudpickle
function, arguments = pickle.load(open({str(tmp_path / "call")!r}, "rb"))
answer = function(*arguments)
assert not any(name.startswith("per_audit") for name in sys.modules)
pickle.dump(answer, open({str(tmp_path / "answer")!r}, "wb"))
"""
    environment = {**os.environ, "TMPDIR": str(place)}
    environment.pop("PYTHONPATH", None)
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)
    answer = pickle.loads((tmp_path / "answer").read_bytes())
    assert answer["status"] == OK
    assert answer["files"] == made(project)["files"]
