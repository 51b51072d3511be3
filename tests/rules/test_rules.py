"""Every rule against its own examples, its documentation and its witness."""

import inspect
import re

import pytest

from per_audit.facts import extract
from per_audit.graph import link
from per_audit.rule import Example, Rule, all_rules

RULES = all_rules()
HEADINGS = [
    "What it does",
    "Why is this bad",
    "Known problems",
    "Example",
    "Use instead",
    "Fix safety",
    "References",
]
BAD = [pytest.param(rule, example, id=f"{rule.code}-{example.title}") for rule in RULES for example in rule.bad]
GOOD = [pytest.param(rule, example, id=f"{rule.code}-{example.title}") for rule in RULES for example in rule.good]


def check(rule: Rule, example: Example):
    return list(rule.check(link([extract(path, text.encode()) for path, text in example.files.items()])))


@pytest.mark.parametrize(("rule", "example"), BAD)
def test_bad_examples_are_reported_where_they_say(rule, example):
    found = check(rule, example)
    assert {(f.place.path, f.place.line) for f in found} == example.expected(rule.code)
    assert example.expected(rule.code)
    for finding in found:
        assert finding.rule == rule.code
        assert finding.name == rule.name
        assert finding.message
        assert finding.symbol
        assert finding.evidence
        assert finding.confidence in ("high", "medium", "low")


@pytest.mark.parametrize(("rule", "example"), GOOD)
def test_good_examples_are_silent(rule, example):
    assert [(f.place.path, f.place.line, f.message) for f in check(rule, example)] == []


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_documentation_has_the_fixed_headings(rule):
    assert re.findall(r"^## (.+)$", rule.documentation(), re.MULTILINE) == HEADINGS
    assert rule.documentation().splitlines()[0].endswith(".")


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_witness_shows_the_defect(rule):
    assert rule.witness()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_each_rule_is_a_file_of_its_own(rule):
    expected = f"{rule.code.lower()}_{rule.name.replace('-', '_')}.py"
    assert inspect.getfile(type(rule)).endswith(expected)


@pytest.mark.parametrize("rule", [r for r in RULES if r.severity.value == "error"], ids=lambda rule: rule.code)
def test_error_rules_have_examples_in_several_styles(rule):
    assert len(rule.bad) >= 3
    assert len(rule.good) >= 4
    assert any(len(example.files) > 1 for example in (*rule.bad, *rule.good))
