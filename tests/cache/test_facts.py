"""Facts that another run has kept."""

import pytest

from per_audit.cache import Store
from per_audit.cache.facts import StoredFacts
from per_audit.facts import Unparsable, extract, ir

CODE = b"class Memory:\n    def draw(self, n):\n        return random.sample(self.rows, n)\n"


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path)


def shape(module):
    return [(type(node).__name__, node.start, node.end) for node in ir.walk(*module.body)]


def test_facts_come_back_as_they_were(store):
    facts = extract("memory.py", CODE)
    StoredFacts(store)["memory.py", CODE] = facts
    kept = StoredFacts(store)["memory.py", CODE]
    assert shape(kept) == shape(facts)
    assert (kept.path, kept.text, kept.exact, kept.line_starts) == (
        facts.path,
        facts.text,
        facts.exact,
        facts.line_starts,
    )


def test_so_does_why_there_are_none(store):
    StoredFacts(store)["old.py", b"print 1"] = Unparsable(1, "Python 2")
    kept = StoredFacts(store)["old.py", b"print 1"]
    assert isinstance(kept, Unparsable)
    assert (kept.line, kept.reason) == (1, "Python 2")


def test_other_contents_have_facts_of_their_own(store):
    StoredFacts(store)["memory.py", CODE] = extract("memory.py", CODE)
    assert ("memory.py", CODE + b"\n") not in StoredFacts(store)
    assert ("other.py", CODE) not in StoredFacts(store)


def test_what_cannot_be_read_back_is_not_there(store, monkeypatch):
    StoredFacts(store)["memory.py", CODE] = extract("memory.py", CODE)
    monkeypatch.setattr("pickle.loads", lambda data: 1 / 0)
    with pytest.raises(KeyError):
        StoredFacts(store)["memory.py", CODE]


def test_code_nested_deeply_is_kept(store):
    text = b"x = " + b"(" * 80 + b"1" + b" + 1)" * 80 + b"\n"
    StoredFacts(store)["deep.py", text] = extract("deep.py", text)
    assert shape(StoredFacts(store)["deep.py", text]) == shape(extract("deep.py", text))


def test_facts_can_be_forgotten_in_memory(store):
    known = StoredFacts(store)
    known["memory.py", CODE] = extract("memory.py", CODE)
    assert list(known) == [("memory.py", CODE)]
    del known["memory.py", CODE]
    assert len(known) == 0
