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
        (2, b"print 'start'", Severity.WARNING, "a batch of 32 makes a difference among fewer than 1,600"),
        (2, b"", Severity.WARNING, "a batch of 32 makes a difference among fewer than 1,600"),
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


@pytest.mark.parametrize(
    ("room", "batch", "said"),
    [
        ("read()", "512", "a batch of 512 makes a difference among fewer than 25,600, and how many are held cannot"),
        ("read()['room']", "512", "a batch of 512 makes a difference among fewer than 25,600"),
        ("read().get('room', 50_000)", "512", None),
        ("read().get('room', 1_000)", "512", "(a batch is 51 % of the buffer)"),
        ("50_000", "512 if len(memory.rows) > 512 else len(memory.rows)", None),
    ],
)
def test_a_batch_is_held_against_what_is_written_of_the_buffer(room, batch, said):
    (rule,) = (rule for rule in all_rules() if rule.code == "PER110")
    changed = rule.bad[0].plain["per.py"].replace("Memory(1000)", f"Memory({room})").replace("(512,", f"({batch},")
    found = list(rule.check(link([extract("per.py", changed.encode())])))
    assert [said in each.message for each in found] == ([] if said is None else [True])
