"""For tests of rules: what a rule says of its own examples."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.facts import extract
from per_audit.graph import link

if TYPE_CHECKING:
    from per_audit.findings import Finding
    from per_audit.rule import Example, Rule


def findings(rule: Rule, example: Example) -> list[Finding]:
    """What the rule finds in the project of the example."""
    return list(rule.check(link([extract(path, text.encode()) for path, text in example.plain.items()])))


def check_examples(rule: Rule) -> None:
    """Raise AssertionError where the rule does not report exactly the marked lines of its bad and good examples."""
    assert rule.bad, f"{rule.code} has no bad example"
    assert rule.good, f"{rule.code} has no good example"
    for example in (*rule.bad, *rule.good):
        found = {(each.place.path, each.place.line) for each in findings(rule, example)}
        expected = example.expected(rule.code)
        assert found == expected, f"{rule.code}, {example.title}: reported {sorted(found)}, not {sorted(expected)}"
        assert expected or example in rule.good, f"{rule.code}, {example.title}: no line is marked `# <- {rule.code}`"
