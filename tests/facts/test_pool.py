"""Many files: the same facts from one process and from several, whatever becomes of a worker."""

import os

import pytest

from per_audit.errors import Failure
from per_audit.facts import ModuleFacts, Unparsable, ir, pool

FILES = [(f"m{i}.py", f"x{i} = random.sample(rows, {i})\n".encode()) for i in range(20)]


class Deadly(bytes):
    """Bytes that end the process which receives them, as a parser that overflows its stack would."""

    def __reduce__(self):
        return os._exit, (1,)


@pytest.fixture
def workers(monkeypatch):
    monkeypatch.setattr(pool, "_WORTH_WORKERS", 0)


def told(results):
    """The results in a form that compares by content."""
    return [
        (found.path, [(type(n).__name__, n.start, n.end) for n in ir.walk(*found.body)])
        if isinstance(found, ModuleFacts)
        else (found.line, found.reason)
        for found in results
    ]


def test_workers_give_the_same_in_order(workers):
    files = [*FILES[:9], ("old.py", b"x = 1\nprint 'x'\n"), *FILES[9:]]
    alone = list(pool.extract_all(files, 1))
    assert told(pool.extract_all(files, 2)) == told(alone)
    assert isinstance(alone[9], Unparsable)
    assert alone[9].line == 2
    assert [found.path for found in alone if isinstance(found, ModuleFacts)] == [path for path, _ in FILES]


def test_a_file_that_kills_its_worker_costs_only_itself(workers):
    files = [*FILES[:2], ("deadly.py", Deadly(b"x = 1\n")), FILES[2]]
    found = told(pool.extract_all(files, 2))
    assert found[2] == (1, "the parser does not survive it")
    assert found[:2] + found[3:] == told(pool.extract_all(FILES[:3], 1))


@pytest.mark.parametrize("jobs", [1, 2])
def test_an_internal_error_is_kept_with_its_traceback(workers, jobs):
    files = [FILES[0], ("text.py", "no bytes"), FILES[1]]
    first, failed, last = pool.extract_all(files, jobs)
    assert isinstance(failed, Failure)
    assert failed.message.startswith("reading text.py failed: ")
    assert "Traceback" in failed.traceback
    assert told([first, last]) == told(pool.extract_all(FILES[:2], 1))


def test_few_bytes_start_no_workers(monkeypatch):
    monkeypatch.setattr(pool, "_executor", None)
    assert told(pool.extract_all(FILES, 4)) == told(pool.extract_all(FILES, 1))
    assert list(pool.extract_all([], 4)) == []
