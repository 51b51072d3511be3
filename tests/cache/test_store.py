"""The store: whatever goes wrong is a miss, and what is written can be read."""

import os
import threading

import pytest

from per_audit.cache import Store, default_directory
from per_audit.cache.store import digest


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "cache")


def entries(store):
    return [path for path in store.directory.rglob("*") if path.is_file() and path.name != "CACHEDIR.TAG"]


def test_what_is_written_is_read(store):
    store.write("facts", digest(b"a"), b"payload")
    assert store.read("facts", digest(b"a")) == b"payload"
    assert store.read("reports", digest(b"a")) is None
    assert store.read("facts", digest(b"b")) is None


def test_a_later_entry_takes_the_place_of_an_earlier_one(store):
    store.write("facts", digest(b"a"), b"earlier")
    store.write("facts", digest(b"a"), b"later")
    assert store.read("facts", digest(b"a")) == b"later"
    assert len(entries(store)) == 1


@pytest.mark.parametrize(
    "damage", [lambda data: data[:-1], lambda data: b"", lambda data: data[:20] + b"x" + data[21:]]
)
def test_a_damaged_entry_is_not_there(store, damage):
    store.write("facts", digest(b"a"), b"a payload of some length")
    (entry,) = entries(store)
    entry.write_bytes(damage(entry.read_bytes()))
    assert store.read("facts", digest(b"a")) is None


def test_a_directory_that_cannot_be_made_is_no_error(tmp_path):
    (tmp_path / "file").write_text("")
    store = Store(tmp_path / "file" / "cache")
    store.write("facts", digest(b"a"), b"payload")
    store.trim()
    assert store.read("facts", digest(b"a")) is None


def test_nothing_is_left_of_a_write_that_is_interrupted(store, monkeypatch):
    store.write("facts", digest(b"a"), b"whole")

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("pathlib.Path.replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        store.write("facts", digest(b"a"), b"half")
    assert store.read("facts", digest(b"a")) == b"whole"
    assert len(entries(store)) == 1


def test_many_writers_leave_whole_entries(store):
    payloads = [bytes([number]) * 10_000 for number in range(8)]
    writers = [
        threading.Thread(target=lambda p=payload: [store.write("facts", digest(b"a"), p) for _ in range(20)])
        for payload in payloads
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert store.read("facts", digest(b"a")) in payloads
    assert len(entries(store)) == 1


def test_trimming_drops_the_oldest_and_what_other_code_wrote(store):
    for number in range(4):
        store.write("facts", digest(bytes([number])), bytes(1_000))
        (newest,) = [path for path in entries(store) if path.name == digest(bytes([number]))]
        os.utime(newest, (number, number))
    other = store.directory / ("0" * 32)
    other.mkdir()
    store.trim(2_500)
    assert [store.read("facts", digest(bytes([number]))) is not None for number in range(4)] == [
        False,
        False,
        True,
        True,
    ]
    assert not other.exists()


def test_clearing_deletes_only_a_cache(store, tmp_path):
    store.write("facts", digest(b"a"), b"payload")
    store.clear()
    assert not store.directory.exists()
    (tmp_path / "thesis.txt").write_text("")
    Store(tmp_path).clear()
    assert (tmp_path / "thesis.txt").exists()


def test_the_directory_follows_the_platform(monkeypatch, tmp_path):
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_directory() == tmp_path / "per-audit" / "scan"


def test_the_boundaries_of_the_parts_count():
    assert digest(b"ab", b"c") != digest(b"a", b"bc")
