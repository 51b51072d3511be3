"""How severe a draw without replacement is where the numbers cannot be read."""

import pytest

from per_audit.facts import extract
from per_audit.findings import Severity
from per_audit.graph import link
from per_audit.rule import all_rules


@pytest.mark.parametrize(
    ("example", "unread", "severity"),
    [
        (2, b"memory = Memory(20000)\n  memory.sample(1, 0.4)", Severity.INFO),
        (2, b"print 'start'", Severity.WARNING),
        (2, b"", Severity.WARNING),
        (0, b"memory = Memory(20000)\n  memory.sample(1, 0.4)", Severity.WARNING),  # 512 of 1000 are written
    ],
)
def test_a_batch_that_a_file_gives_which_cannot_be_parsed_is_a_hint(example, unread, severity):
    (rule,) = (rule for rule in all_rules() if rule.code == "PER110")
    files = rule.bad[example].plain
    graph = link([extract(path, text.replace("Memory(512)", "Memory(size)").encode()) for path, text in files.items()])
    graph.unread = (unread,)
    (finding,) = rule.check(graph)
    assert finding.severity is severity
    assert ("cannot be parsed" in finding.message) is (severity is Severity.INFO)
