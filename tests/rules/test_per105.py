"""How severe a minimum over empty slots is where the program that draws cannot be read."""

import pytest

from per_audit.facts import extract
from per_audit.findings import Severity
from per_audit.graph import link
from per_audit.rule import all_rules

UNREAD = b"from memory import Memory\nmemory = Memory(3000)\nprint memory.sample(32)\n"


@pytest.mark.parametrize(
    ("left_out", "unread", "severity"),
    [
        (("train.py",), UNREAD, Severity.INFO),  # it may wait until the memory is full
        (("train.py",), b"print 'start'", Severity.ERROR),
        ((), UNREAD, Severity.ERROR),  # another draws from it before
    ],
)
def test_a_minimum_of_what_only_an_unread_file_draws_from_is_a_hint(left_out, unread, severity):
    (rule,) = (rule for rule in all_rules() if rule.code == "PER105")
    files = next(each.plain for each in rule.bad if {"memory.py", "train.py"} <= set(each.plain))
    graph = link([extract(path, text.encode()) for path, text in files.items() if path not in left_out])
    graph.unread = (b"import memory\n" + unread,)
    (finding,) = (each for each in rule.check(graph) if each.place.path == "memory.py")
    assert finding.severity is severity
    assert ("stands in a file that cannot be parsed" in finding.message) == (severity is Severity.INFO)
