from __future__ import annotations

import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time

import pytest

from per_audit.compare import cluster
from per_audit.compare.results import CRASHED, OK, TIMED_OUT
from per_audit.compare.run import compare
from per_audit.errors import UserError
from per_audit.report import comparison_json
from per_audit.verify.results import Verdict

from .projects import PYTHON, TRAIN, options, write


@pytest.mark.parametrize("missing", ["ray", "joblib"])
def test_what_is_missing_is_named(project, monkeypatch, missing):
    found = importlib.util.find_spec("json")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == missing else found)
    with pytest.raises(UserError, match=rf'{missing} is missing, and --ray needs it: pip install "per-audit\[ray\]"'):
        compare(options(ray="auto"), project)


@pytest.mark.parametrize("address", ["nowhere", "host:", ":6379", "host:port", "ray://host", "host:99999"])
def test_what_is_no_address(address):
    with pytest.raises(UserError, match="is no address; write HOST:PORT"):
        cluster.check_reachable(address)


def test_an_address_where_nothing_listens():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        for address in (f"127.0.0.1:{port}", f"ray://127.0.0.1:{port}"):
            with pytest.raises(UserError, match=f"--ray {address}: cannot be reached"):
                cluster.check_reachable(address)
        taken.listen()
        cluster.check_reachable(f"127.0.0.1:{port}")


def test_other_versions_are_named():
    said = "Version mismatch: The cluster was started with:\n    Ray: 2.60.0\n    Python: 3.12.1\nThis process: 3.11.7"
    assert "with the cluster's versions of Python and ray" in cluster._why(RuntimeError(said))
    assert "Python: 3.12.1" in cluster._why(RuntimeError(said))


def on_ray(folder, *words, **more):
    """The command on a cluster of its own, in a process of its own: Ray's warnings and threads stay there."""
    command = [sys.executable, "-W", "default", "-m", "per_audit", "compare", *words, "--ray", "local"]
    command += ["--results", "progress.csv", "--metric", "return", "--format", "json", "--", *PYTHON]
    return subprocess.Popen(
        [*command, "train.py", "{seed}"],
        cwd=folder,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # The names of Ray's sockets must be short.
        env={**os.environ, "RAY_USAGE_STATS_ENABLED": "0", "RAY_TMPDIR": tempfile.gettempdir(), **more},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )


@pytest.fixture
def real_ray():
    pytest.importorskip("ray")
    pytest.importorskip("joblib")


def timeless(document):
    """A document without how long things took."""
    if isinstance(document, dict):
        return {key: timeless(value) for key, value in document.items() if key != "seconds"}
    return [timeless(value) for value in document] if isinstance(document, list) else document


@pytest.mark.usefixtures("real_ray")
def test_a_cluster_gives_what_this_machine_gives(project, tmp_path):
    write(
        project,
        "import os, sys, time\n"
        "if sys.argv[1] == '4': sys.exit('out of luck')\n"
        "if sys.argv[1] == '5': time.sleep(1000)\n" + TRAIN.replace("gain = 1.0", "gain = 2.0"),
    )
    here = compare(options(seeds=20, timeout=6.0, keep=tmp_path / "here"), project)
    (tmp_path / "tmp").mkdir()
    words = ("--before", "HEAD", "--seeds", "20", "--timeout", "6", "--jobs", "2", "--keep", str(tmp_path / "there"))
    process = on_ray(project, *words, TMPDIR=str(tmp_path / "tmp"))
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    assert here.verdict is Verdict.PASS
    assert "[40/40]" in err
    assert timeless(json.loads(out)) == timeless(json.loads(comparison_json.render(here)))
    assert [run.status for run in here.after.runs[3:6]] == [OK, CRASHED, TIMED_OUT]
    kept = [
        {path.relative_to(top).as_posix(): path.read_bytes() for path in top.rglob("*.csv")}
        for top in (tmp_path / "here", tmp_path / "there")
    ]
    assert kept[0] == kept[1] != {}
    assert list((tmp_path / "tmp").glob("per-audit-compare-*")) == []


@pytest.mark.usefixtures("real_ray")
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_an_interruption_ends_what_runs_on_the_cluster(project, tmp_path, name):
    pids = tmp_path / "pids"
    write(
        project,
        TRAIN
        + f"""
import os, time
if sys.argv[1] != "0":
    open({str(pids)!r}, "a").write(f"{{os.getpid()}}\\n")
    time.sleep(1000)
""",
    )
    (tmp_path / "tmp").mkdir()
    process = on_ray(project, "--before", ".", "--seeds", "3", "--jobs", "2", TMPDIR=str(tmp_path / "tmp"))
    deadline = time.monotonic() + 120
    while (
        process.poll() is None
        and time.monotonic() < deadline
        and not (pids.exists() and len(pids.read_text().split()) >= 2)
    ):
        time.sleep(0.05)
    process.send_signal(getattr(signal, name))
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert out == ""
    assert "2 runs are kept; the same command goes on from there" in err
    assert list((tmp_path / "tmp").glob("per-audit-compare-*")) == []
    for pid in pids.read_text().split():
        with pytest.raises(ProcessLookupError):
            os.kill(int(pid), 0)
