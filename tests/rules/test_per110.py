"""How severe a draw without replacement is where the numbers cannot be read."""

import pytest

from per_audit.facts import extract
from per_audit.findings import Severity
from per_audit.graph import link
from per_audit.rule import all_rules


@pytest.mark.parametrize(
    ("example", "unread", "severity", "said"),
    [
        (
            2,
            b"memory = Memory(20000)\n  memory.sample(1, 0.4)",
            Severity.INFO,
            "stands in a file that cannot be",
        ),
        (2, b"print 'start'", Severity.WARNING, "how large a batch is cannot be read"),
        (2, b"", Severity.WARNING, "how large a batch is cannot be read"),
        (0, b"memory = Memory(20000)\n  memory.sample(1, 0.4)", Severity.WARNING, "(a batch is 51 % of the buffer)"),
    ],
)
def test_a_batch_of_unknown_size_is_said_to_be_so(example, unread, severity, said):
    (rule,) = (rule for rule in all_rules() if rule.code == "PER110")
    files = rule.bad[example].plain
    graph = link([extract(path, text.replace("Memory(512)", "Memory(size)").encode()) for path, text in files.items()])
    graph.unread = (b"import per, train\n" + unread,)
    (finding,) = rule.check(graph)
    assert finding.severity is severity
    assert said in finding.message
