from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from per_audit.errors import UserError
from per_audit.fixes import journal
from per_audit.fixes.journal import recover, undo, write
from per_audit.fixes.transaction import Change


@pytest.fixture
def project(tmp_path):
    (tmp_path / "a.py").write_bytes(b"a = 1\r\n")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "b.py").write_bytes(b"b\xff")
    (tmp_path / "sub" / "b.py").chmod(0o755)
    return tmp_path


CHANGES = [
    Change("a.py", b"a = 1\r\n", b"a = 2\r\n"),
    Change("sub/b.py", b"b\xff", b"c"),
    Change("new/deep/c.py", None, b"c\n"),
    Change("d.py", None, b""),
]


def contents(root: Path) -> dict[str, bytes]:
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and ".per-audit" not in path.parts
    }


AFTER = {"a.py": b"a = 2\r\n", "sub/b.py": b"c", "new/deep/c.py": b"c\n", "d.py": b""}


def test_writes_and_takes_back_every_byte(project, snapshot):
    before = snapshot(project)
    write(project, CHANGES, "PER for DQN")
    assert contents(project) == AFTER
    assert (project / "sub" / "b.py").stat().st_mode & 0o777 == 0o755
    assert (project / ".per-audit" / ".gitignore").read_text() == "*\n!record.json\n"
    done = undo(project)
    assert done is not None
    assert done.title == "PER for DQN"
    assert (done.restored, done.removed) == (("a.py", "sub/b.py"), ("new/deep/c.py", "d.py"))
    assert snapshot(project) == before
    assert undo(project) is None


def test_runs_stack(project, snapshot):
    before = snapshot(project)
    for number in range(1, 12):
        write(project, [Change("a.py", (project / "a.py").read_bytes(), b"%d" % number)], f"run {number}")
    for number in range(11, 0, -1):
        assert (project / "a.py").read_bytes() == b"%d" % number
        done = undo(project)
        assert done is not None
        assert done.title == f"run {number}"
    assert snapshot(project) == before


def test_other_state_stays(project):
    (project / ".per-audit").mkdir()
    (project / ".per-audit" / "record.json").write_text("{}")
    write(project, CHANGES, "")
    undo(project)
    assert (project / ".per-audit" / "record.json").read_text() == "{}"


def test_bytecode_of_new_packages_goes_other_files_stay(project):
    write(project, CHANGES, "")
    (project / "new" / "deep" / "__pycache__").mkdir()
    (project / "new" / "deep" / "__pycache__" / "c.pyc").write_bytes(b"")
    (project / "new" / "mine.txt").write_text("mine")
    undo(project)
    assert sorted(path.name for path in (project / "new").rglob("*")) == ["mine.txt"]


@pytest.mark.parametrize(("path", "what"), [("a.py", "was changed"), ("new/deep/c.py", "was changed")])
def test_undo_refuses_where_a_file_was_changed_since(project, path, what, snapshot):
    write(project, CHANGES, "")
    (project / path).write_bytes(b"mine")
    before = snapshot(project)
    with pytest.raises(UserError, match=f"^{path}: {what} after the fix"):
        undo(project)
    assert snapshot(project) == before


def test_undo_skips_what_is_back_already(project):
    write(project, CHANGES, "")
    (project / "a.py").write_bytes(b"a = 1\r\n")
    (project / "d.py").unlink()
    undo(project)
    assert contents(project) == {"a.py": b"a = 1\r\n", "sub/b.py": b"b\xff"}


def test_undo_refuses_where_a_file_is_gone(project):
    write(project, CHANGES, "")
    (project / "a.py").unlink()
    with pytest.raises(UserError, match=r"a\.py: was removed after the fix"):
        undo(project)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (Change("a.py", b"other", b""), "a.py: was changed in the meantime"),
        (Change("gone.py", b"x", b""), "gone.py: was removed in the meantime"),
        (Change("sub/b.py", None, b""), "sub/b.py: was created in the meantime"),
        (Change("../x.py", None, b""), "lies outside"),
        (Change("/x.py", None, b""), "lies outside"),
        (Change("sub/../a.py", b"a = 1\r\n", b""), "lies outside"),
        (Change("sub", b"", b""), "cannot be read"),
    ],
)
def test_refusals_leave_everything(project, change, message, snapshot):
    before = snapshot(project)
    with pytest.raises(UserError, match=message):
        write(project, [CHANGES[1], change] if change.path != "sub/b.py" else [change], "")
    assert snapshot(project) == before


def test_links(project, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside")
    (outside / "x.py").write_text("x")
    (project / "out.py").symlink_to(outside / "x.py")
    (project / "out").symlink_to(outside)
    (project / "in.py").symlink_to(project / "a.py")
    for path in ("out.py", "out/x.py", "out/new.py"):
        with pytest.raises(UserError, match="lies outside"):
            write(project, [Change(path, None if "new" in path else b"x", b"y")], "")
    with pytest.raises(UserError, match="the same file"):
        write(project, [CHANGES[0], Change("in.py", CHANGES[0].before, b"y")], "")
    write(project, [Change("in.py", CHANGES[0].before, b"y")], "")
    assert (project / "in.py").is_symlink()
    assert (project / "a.py").read_bytes() == b"y"
    assert (outside / "x.py").read_text() == "x"
    undo(project)
    assert (project / "in.py").is_symlink()
    assert (project / "a.py").read_bytes() == CHANGES[0].before


def test_a_state_directory_that_leads_out_is_refused(project, tmp_path_factory):
    (project / ".per-audit").symlink_to(tmp_path_factory.mktemp("outside"))
    with pytest.raises(UserError, match="leads out of the project"):
        write(project, CHANGES, "")


def test_read_only(project, snapshot):
    (project / "a.py").chmod(0o444)
    before = snapshot(project)
    with pytest.raises(UserError, match=r"a\.py is read-only"):
        write(project, CHANGES, "")
    assert snapshot(project) == before
    (project / "a.py").chmod(0o644)
    (project / "sub").chmod(0o555)
    try:
        before = snapshot(project)
        with pytest.raises(UserError, match=r"sub/b\.py: its directory is read-only"):
            write(project, CHANGES, "")
        assert snapshot(project) == before
    finally:
        (project / "sub").chmod(0o755)


# Renames: two copies of former contents, the journal, four files, the journal again.
STEPS = 8


def test_the_number_of_steps(project, failing_replace):
    calls = failing_replace(99, KeyboardInterrupt())
    write(project, CHANGES, "")
    assert len(calls) == STEPS


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("exception", [KeyboardInterrupt(), OSError(28, "No space left on device"), SystemExit(143)])
@pytest.mark.parametrize("step", range(1, STEPS + 1))
def test_a_failure_at_any_step_of_write_leaves_everything(project, failing_replace, step, exception, after, snapshot):
    before = snapshot(project)
    failing_replace(step, exception, after=after)
    with pytest.raises((type(exception), UserError)):
        write(project, CHANGES, "")
    assert snapshot(project) == before


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("step", [1, 2, 3])
def test_a_failure_at_any_step_of_undo_leaves_everything_undoable(
    project, failing_replace, monkeypatch, step, after, snapshot
):
    before = snapshot(project)
    write(project, CHANGES, "")
    failing_replace(step, KeyboardInterrupt(), after=after)
    with pytest.raises(KeyboardInterrupt):
        undo(project)
    assert contents(project) == AFTER
    undo(project)
    assert snapshot(project) == before


@pytest.mark.parametrize("step", range(4, STEPS + 1))
def test_a_run_that_cannot_even_put_back_is_recovered(project, failing_replace, monkeypatch, step, snapshot):
    before = snapshot(project)
    failing_replace(step, OSError(5, "Input/output error"), forever=True)
    with pytest.raises(UserError, match="Input/output"):
        write(project, CHANGES, "")
    monkeypatch.undo()
    recover(project)
    assert snapshot(project) == before


def test_a_whole_run_is_not_recovered(project):
    write(project, CHANGES, "")
    assert recover(project) is None
    assert contents(project) == AFTER


SCRIPT = """
    import os, signal, sys
    # A runner in the background hands down that interrupts and hang-ups are ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    from pathlib import Path
    from per_audit.fixes.journal import write
    from per_audit.fixes.transaction import Change
    real, calls = os.replace, []
    def replace(source, target):
        calls.append(1)
        if len(calls) == int(sys.argv[2]):
            os.kill(os.getpid(), int(sys.argv[3]))
        real(source, target)
    os.replace = replace
    write(Path(sys.argv[1]), {changes!r}, "killed")
"""


def run_killed(project, step: int, number: int) -> int:
    script = textwrap.dedent(SCRIPT).format(changes=CHANGES)
    command = [sys.executable, "-c", script, str(project), str(step), str(int(number))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    print(done.stderr)  # shown where a test fails
    return done.returncode


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, -2), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
@pytest.mark.parametrize("step", [1, 3, 4, 5, 7, 8])
def test_signals_leave_everything(project, step, number, code, snapshot):
    before = snapshot(project)
    assert run_killed(project, step, number) == code
    assert snapshot(project) == before


@pytest.mark.parametrize("step", range(1, STEPS + 1))
def test_a_killed_run_is_recovered_by_the_next(project, step, snapshot):
    before = snapshot(project)
    assert run_killed(project, step, signal.SIGKILL) == -9
    recover(project)
    now = {path: entry for path, entry in snapshot(project).items() if not path.startswith(".per-audit")}
    assert now == before


def test_a_broken_journal_is_named(project):
    write(project, CHANGES, "")
    path = project / ".per-audit" / "undo" / "0001" / "journal.json"
    path.write_text("{")
    with pytest.raises(UserError, match=r"0001: the undo journal cannot be read"):
        undo(project)
    path.write_text('{"version": 99}')
    with pytest.raises(UserError, match="another version"):
        undo(project)


names = st.text(st.sampled_from("ab é-"), min_size=1, max_size=3).filter(lambda name: name.strip() == name)


@given(
    st.dictionaries(
        names.map(lambda name: f"{name}.py") | st.tuples(names, names).map(lambda parts: f"{parts[0]}/{parts[1]}.py"),
        st.tuples(st.none() | st.binary(max_size=20), st.binary(max_size=20)),
        max_size=5,
    )
)
def test_round_trip(tmp_path_factory, snapshot, files):
    root = tmp_path_factory.mktemp("project")
    for path, (before, _) in files.items():
        if before is not None:
            (root / path).parent.mkdir(exist_ok=True)
            (root / path).write_bytes(before)
    former = snapshot(root)
    write(root, [Change(path, before, after) for path, (before, after) in files.items()], "")
    assert contents(root) == {path: after for path, (_, after) in files.items()}
    undo(root)
    assert snapshot(root) == former


def test_a_read_only_project_is_named(project, monkeypatch):
    def mkdir(self, *args, **kwargs):
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "mkdir", mkdir)
    with pytest.raises(UserError, match=r"\.per-audit: cannot be written \(Permission denied\)"):
        write(project, [CHANGES[0]], "")
    assert journal.undo(project) is None
