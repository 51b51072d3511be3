"""Whatever a target does, the command ends in time with a verdict of ERROR that says what happened."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from per_audit.verify.results import Verdict
from per_audit.verify.run import Options, verify

ZOO = Path(__file__).with_name("zoo.py")
HEAD = f"import os, sys, time\nsys.path.insert(0, {str(ZOO.parent)!r})\nfrom zoo import Correct\n"


HANGS = {"loop", "sleep", "closes everything"}


def seconds_for(name):
    """A third of it for each request; little only where it is bound to be waited for."""
    return 6.0 if name in HANGS else 60.0


def fence_works():
    """Asked in a process of its own, as a fence stays."""
    code = "import sys; from per_audit.verify.child.fence import fence; sys.exit(not fence([]))"
    return subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def run(tmp_path, body, checks=("reach", "seed"), **options):
    path = tmp_path / "target.py"
    path.write_text(HEAD + textwrap.dedent(body))
    started = time.monotonic()
    result = verify([f"{path}:Buffer"], Options(checks=checks, **{"timeout": 60.0, **options})).targets[0]
    return result, time.monotonic() - started


AT_IMPORT = {
    "exit": ("sys.exit(3)", "sys.exit(3)"),
    "loop": ("while True: pass", "no answer within 2 s"),
    "sleep": ("time.sleep(1000)", "no answer within 2 s"),
    "hog": ("x = bytearray(10**10)", "more than 512 MB"),
    "hard exit": ("os._exit(7)", "exit code 7"),
    "abort": ("os.abort()", "killed by SIGABRT"),
    "closes everything": ("os.closerange(0, 100)\ntime.sleep(1000)", "closed or wrote into the channel"),
    "writes anywhere": (
        "for fd in range(3, 30):\n    try: os.write(fd, b'{not json}\\n')\n    except OSError: pass",
        "closed or wrote into the channel",
    ),
    "not there": ("import no_such_module_at_all", "--python"),
    "no such class": ("", "names no class `Buffer`"),
    "syntax": ("def", "SyntaxError"),
    "recursion": ("def f(): f()\nf()", "recurs"),
}


@pytest.mark.skipif(sys.platform == "win32", reason="signals and resource limits of POSIX")
@pytest.mark.parametrize("name", AT_IMPORT)
def test_at_import(tmp_path, name):
    body, words = AT_IMPORT[name]
    result, seconds = run(tmp_path, body, memory=512, timeout=seconds_for(name))
    assert [check.verdict for check in result.checks] == [Verdict.ERROR]
    assert words in result.checks[0].message
    assert seconds < (10 if name in HANGS else 40)


IN_A_METHOD = {
    "exit": ("sys.exit(3)", "sys.exit(3)"),
    "loop": ("while True: pass", "no answer within 2 s"),
    "hog": ("self.hog = getattr(self, 'hog', []) + [bytearray(2**27)]", "more than 512 MB"),
    "hard exit": ("os._exit(0)", "exit code 0"),
    "raises": ("raise KeyError('boom')", "KeyError: 'boom' (target.py:"),
}


@pytest.mark.skipif(sys.platform == "win32", reason="signals and resource limits of POSIX")
@pytest.mark.parametrize("name", IN_A_METHOD)
def test_in_a_method(tmp_path, name):
    body, words = IN_A_METHOD[name]
    # Only buffers of 50 slots misbehave, so that the interface can be inferred first.
    result, seconds = run(
        tmp_path,
        f"""
        class Buffer(Correct):
            def sample(self, batch_size):
                if self.capacity == 50:
                    {body}
                return super().sample(batch_size)
        """,
        memory=512,
        timeout=seconds_for(name),
    )
    assert [check.verdict for check in result.checks] == [Verdict.ERROR] * 2
    assert words in result.checks[0].message
    assert seconds < (12 if name in HANGS else 60)


def test_prints_forks_and_a_deleted_folder_do_no_harm(tmp_path):
    result, _ = run(
        tmp_path,
        """
        import shutil
        HERE = os.getcwd()
        print("loud at import " * 1000)
        if hasattr(os, "fork"): os.fork()
        class Buffer(Correct):
            def add(self, state, action, reward, next_state, done):
                super().add(state, action, reward, next_state, done)
                os.write(1, b"x" * 200); os.write(2, b"y" * 200)
                if self.position == 7:
                    shutil.rmtree(HERE, ignore_errors=True)
        """,
    )
    assert [check.verdict for check in result.checks] == [Verdict.PASS] * 2, result.checks
    assert result.output
    assert len(result.output) <= 4000


@pytest.mark.skipif(sys.platform == "win32", reason="process groups of POSIX")
def test_nothing_is_left_behind(tmp_path):
    result, _ = run(
        tmp_path,
        """
        import subprocess
        p = subprocess.Popen(["sleep", "1000"])
        print(f"<{p.pid} {os.getcwd()}>")
        class Buffer(Correct): pass
        """,
    )
    pid, folder = re.search(r"<(\d+) (.*)>", result.output).groups()
    assert_it_ends(int(pid))
    assert not Path(folder).exists()


def assert_it_ends(pid):
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline and _alive(pid):
        time.sleep(0.05)
    assert not _alive(pid)


def _alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    return not (stat.exists() and stat.read_text().rpartition(")")[2].split()[0] == "Z")


def test_a_python_that_cannot_be_started():
    result = verify([f"{ZOO}:Correct"], Options(checks=("seed",), python="/no/such/python")).targets[0]
    assert result.verdict is Verdict.ERROR
    assert "/no/such/python cannot be started" in result.checks[0].message


def test_neighbours_of_the_tool_are_not_importable(tmp_path):
    result, _ = run(
        tmp_path,
        """
        import importlib.util
        assert importlib.util.find_spec("marks") is None and importlib.util.find_spec("session") is None
        class Buffer(Correct): pass
        """,
    )
    assert result.verdict is Verdict.PASS, result.checks


ESCAPES = {
    "a session of its own": """
        if os.fork() == 0:
            os.setsid()
            {note}
            time.sleep(1000)
        """,
    "a daemon": """
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                {note}
                os.closerange(0, 100)
                time.sleep(1000)
            os._exit(0)
        """,
    "a daemon of one that died": """
        if os.fork() == 0:
            os.setsid()
            {note}
            time.sleep(1000)
        time.sleep(0.2)
        os.abort()
        """,
}


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/proc")
@pytest.mark.parametrize("name", ESCAPES)
def test_nothing_escapes_by_a_session_of_its_own(tmp_path, name):
    body = textwrap.dedent(ESCAPES[name]).format(note="os.write(1, b'<%d>' % os.getpid())")
    result, _ = run(tmp_path, body + "\nclass Buffer(Correct): pass\n", checks=("reach",))
    assert_it_ends(int(re.search(r"<(\d+)>", result.output)[1]))


@pytest.mark.skipif(sys.platform == "win32", reason="resource limits of POSIX")
def test_a_file_without_end(tmp_path):
    result, _ = run(
        tmp_path,
        """
        with open("endless", "wb") as file:
            while True: file.write(bytes(2**20))
        """,
        memory=64,
    )
    assert [check.verdict for check in result.checks] == [Verdict.ERROR]
    assert "File too large" in result.checks[0].message


def test_what_the_user_has_is_left_alone(tmp_path):
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "precious.txt").write_text("precious")
    result, _ = run(
        folder,
        """
        import shutil, tempfile
        shutil.rmtree(os.getcwd())
        class Buffer(Correct):
            def sample(self, batch_size):
                for name in ("precious.txt", "target.py"):
                    if os.path.exists(name): os.remove(name)
                return super().sample(batch_size)
        """,
    )
    assert [check.verdict for check in result.checks] == [Verdict.PASS] * 2, result.checks
    assert sorted(path.name for path in folder.iterdir()) == ["precious.txt", "target.py"]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/proc")
def test_processes_without_end(tmp_path):
    result, seconds = run(
        tmp_path,
        """
        def bomb():
            # Bounded, so that the machine survives a test that fails.
            for _ in range(8):
                os.fork()
            time.sleep(1000)
        class Buffer(Correct):
            def sample(self, batch_size):
                if self.capacity == 50:
                    bomb()
                return super().sample(batch_size)
        """,
    )
    assert {check.verdict for check in result.checks} == {Verdict.ERROR}
    assert "started more than 100 processes" in result.checks[0].message
    assert seconds < 40


WRITES = {
    "beside its own file": "os.path.join(os.path.dirname(__file__), 'log.txt')",
    "at home": "os.path.expanduser('~/per-audit-was-here.txt')",
}


@pytest.mark.skipif(not fence_works(), reason="Landlock")
@pytest.mark.parametrize("name", WRITES)
def test_files_of_the_user_cannot_be_changed(tmp_path, name):
    (tmp_path / "log.txt").write_text("precious")
    result, _ = run(
        tmp_path,
        f"""
        class Buffer(Correct):
            def sample(self, batch_size):
                if self.capacity == 50:
                    open({WRITES[name]}, "w").write("spoiled")
                return super().sample(batch_size)
        """,
    )
    assert {check.verdict for check in result.checks} == {Verdict.ERROR}
    assert "it may write to its temporary folder only" in result.checks[0].message
    assert (tmp_path / "log.txt").read_text() == "precious"
    assert not Path("~/per-audit-was-here.txt").expanduser().exists()


@pytest.mark.skipif(not fence_works(), reason="Landlock")
def test_files_of_the_user_cannot_be_removed(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "precious.txt").write_text("precious")
    result, _ = run(
        tmp_path,
        f"""
        import shutil
        shutil.rmtree({str(folder)!r}, ignore_errors=True)
        os.makedirs("logs"); open("logs/mine.txt", "w").write("allowed")
        class Buffer(Correct): pass
        """,
    )
    assert (folder / "precious.txt").read_text() == "precious"
    assert {check.verdict for check in result.checks} == {Verdict.PASS}
