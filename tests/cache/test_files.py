"""The state of a tree, from the status of its files where these have not changed."""

import os
from pathlib import Path

import pytest

from per_audit.cache import Store
from per_audit.cache.files import take

LONG_AGO = 1_600_000_000


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "cache")


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "tree"
    folder.mkdir()
    for name in ("a.py", "b.py"):
        (folder / name).write_text(name)
        os.utime(folder / name, (LONG_AGO, LONG_AGO))
    return folder


@pytest.fixture
def reads(monkeypatch):
    """The names of the files that are read."""
    found = []
    read_bytes = Path.read_bytes

    def recorded(path):
        if path.suffix == ".py":
            found.append(path.name)
        return read_bytes(path)

    monkeypatch.setattr(Path, "read_bytes", recorded)
    return found


def test_only_what_changed_is_read_again(root, store, reads):
    first = take(root, ["a.py", "b.py"], store)
    assert reads == ["a.py", "b.py"]
    (root / "b.py").write_text("longer than before")
    second = take(root, ["a.py", "b.py"], store)
    assert reads == ["a.py", "b.py", "b.py"]
    assert first.files["a.py"] == second.files["a.py"]
    assert first.digest != second.digest


def test_a_file_changed_just_now_is_read_again(root, store, reads):
    (root / "a.py").write_text("1")
    first = take(root, ["a.py"], store)
    status = (root / "a.py").stat()
    (root / "a.py").write_text("2")
    os.utime(root / "a.py", ns=(status.st_atime_ns, status.st_mtime_ns))  # as a coarse clock would have it
    assert take(root, ["a.py"], store).digest != first.digest
    assert reads == ["a.py", "a.py"]


def test_a_renamed_file_is_another_tree(root, store):
    first = take(root, ["a.py", "b.py"], store)
    (root / "b.py").rename(root / "c.py")
    assert take(root, ["a.py", "c.py"], store).digest != first.digest


def test_a_file_that_cannot_be_read_has_no_state(root, store):
    assert take(root, ["a.py", "gone.py"], store) is None


def test_a_change_meanwhile_is_noticed(root, store):
    taken = take(root, ["a.py", "b.py"], store)
    assert taken.holds()
    (root / "a.py").write_text("else")
    assert not taken.holds()
    (root / "b.py").unlink()
    assert not taken.holds()
