"""Several files changed together or not at all."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from per_audit.errors import UserError
from per_audit.fixes.transaction import Change, Transaction, remove_directories, signals_held


@pytest.fixture
def root(tmp_path):
    (tmp_path / "a.py").write_bytes(b"a = 1\r\n")
    (tmp_path / "a.py").chmod(0o600)
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "run.py").write_bytes(b"b\xff")
    (tmp_path / "sub" / "run.py").chmod(0o755)
    return tmp_path


CHANGES = [
    Change("a.py", b"a = 1\r\n", b"a = 2\r\n"),
    Change("new/deep/c.py", None, b"c\n"),
    Change("sub/run.py", b"b\xff", None),
    Change("new/d.py", None, b""),
]


def nothing() -> None:
    """A check that finds nothing."""


class Stop(Exception):
    """What a check raises."""


def test_a_commit_makes_every_change_and_leaves_nothing_beside(root, snapshot):
    Transaction(root, CHANGES).commit(nothing)
    assert {name: content for name, (content, _) in snapshot(root).items()} == {
        "a.py": b"a = 2\r\n",
        "sub": b"",
        "new": b"",
        "new/deep": b"",
        "new/deep/c.py": b"c\n",
        "new/d.py": b"",
    }
    assert snapshot(root)["a.py"][1] & 0o777 == 0o600


def test_missing_directories_are_told_outermost_first(root):
    transaction = Transaction(root, CHANGES)
    assert [path.relative_to(root).as_posix() for path in transaction.directories] == ["new", "new/deep"]


@pytest.mark.parametrize("step", range(2 * len(CHANGES)))
def test_a_stop_between_any_two_steps_is_put_back(root, step, snapshot):
    before = snapshot(root)
    calls: list[None] = []

    def check() -> None:
        calls.append(None)
        if len(calls) > step:
            raise Stop

    transaction = Transaction(root, CHANGES)
    with pytest.raises(Stop):
        transaction.commit(check)
    transaction.roll_back()
    assert snapshot(root) == before


@pytest.mark.parametrize(
    ("name", "step"),
    [("replace", step) for step in range(3)] + [("fsync", step) for step in range(3)] + [("unlink", 0), ("mkdir", 1)],
)
def test_a_failure_of_the_system_at_any_step_is_put_back(root, monkeypatch, name, step, snapshot):
    before = snapshot(root)
    calls: list[None] = []
    owner = Path if name in ("unlink", "mkdir") else os
    real = getattr(owner, name)

    def failing(*args, **kwargs):
        calls.append(None)
        if len(calls) == step + 1:
            raise OSError(28, "No space left on device", str(args[0]))
        return real(*args, **kwargs)

    transaction = Transaction(root, CHANGES)
    monkeypatch.setattr(owner, name, failing)
    with pytest.raises(UserError, match="No space left on device; nothing was changed"):
        transaction.commit(nothing)
    monkeypatch.undo()
    transaction.roll_back()
    assert snapshot(root) == before


PATHS = ["a.py", "b.py", "sub/c.py", "x/y/d.py"]
CONTENTS = st.one_of(st.none(), st.binary(max_size=6))


@given(st.dictionaries(st.sampled_from(PATHS), st.tuples(CONTENTS, CONTENTS)), st.integers(0, 8))
def test_whatever_the_changes_and_the_step_all_or_nothing(tmp_path_factory, snapshot, plan, step):
    root = tmp_path_factory.mktemp("root").resolve()
    changes = [Change(path, before, after) for path, (before, after) in plan.items() if before != after]
    for change in changes:
        if change.before is not None:
            (root / change.path).parent.mkdir(parents=True, exist_ok=True)
            (root / change.path).write_bytes(change.before)
    before = snapshot(root)
    calls: list[None] = []

    def check() -> None:
        calls.append(None)
        if len(calls) > step:
            raise Stop

    transaction = Transaction(root, changes)
    try:
        transaction.commit(check)
    except Stop:
        transaction.roll_back()
        assert snapshot(root) == before
    else:
        assert step >= 2 * len(changes)
        for change in changes:
            target = root / change.path
            assert (target.read_bytes() if target.exists() else None) == change.after
        transaction.roll_back()
        assert snapshot(root) == before


def test_a_new_directory_in_a_read_only_one_is_refused(root):
    (root / "sub").chmod(0o555)
    try:
        with pytest.raises(UserError, match=r"^sub/x/y\.py: its directory is read-only"):
            Transaction(root, [Change("sub/x/y.py", None, b"")])
    finally:
        (root / "sub").chmod(0o755)
    assert not (root / "sub" / "x").exists()


def test_directories_that_hold_somebody_elses_files_stay(tmp_path):
    for name in ("new/deep", "empty/__pycache__"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "new" / "mine.txt").write_text("mine")
    (tmp_path / "empty" / "__pycache__" / "a.pyc").write_bytes(b"")
    remove_directories([tmp_path / "new", tmp_path / "new" / "deep", tmp_path / "empty", tmp_path / "never"])
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["mine.txt", "new"]


@pytest.fixture
def handled():
    """SIGINT is handled as in a terminal; a shell has its background processes ignore it."""
    former = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, former)


@pytest.mark.usefixtures("handled")
def test_an_interrupt_waits_for_the_next_check():
    with signals_held() as check:
        check()
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            check()
        check()  # it was told once


def test_a_termination_ends_with_its_number():
    with signals_held() as check:
        signal.raise_signal(signal.SIGTERM)
        with pytest.raises(SystemExit) as ended:
            check()
    assert ended.value.code == 128 + signal.SIGTERM


@pytest.mark.usefixtures("handled")
def test_handlers_come_back_also_after_a_failure():
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with contextlib.suppress(Stop), signals_held():
        assert signal.getsignal(signal.SIGINT) is not before[0]
        raise Stop
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_a_signal_that_is_ignored_stays_ignored():
    former = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        with signals_held() as check:
            signal.raise_signal(signal.SIGTERM)
            check()
    finally:
        signal.signal(signal.SIGTERM, former)


def test_another_thread_leaves_the_handlers_alone():
    found = []

    def run() -> None:
        with signals_held() as check:
            found.append(signal.getsignal(signal.SIGINT))
            check()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert found == [signal.getsignal(signal.SIGINT)]
