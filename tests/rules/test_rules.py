"""Every rule against its own examples, its documentation and its witness."""

import ast
import inspect
import re
import subprocess
import sys

import pytest

from per_audit.facts import extract
from per_audit.findings import Severity
from per_audit.graph import link
from per_audit.rule import HEADINGS, Example, all_rules

RULES = all_rules()
ERRORS = [rule for rule in RULES if rule.severity is Severity.ERROR]
BAD = [pytest.param(rule, example, id=f"{rule.code}-{example.title}") for rule in RULES for example in rule.bad]
GOOD = [pytest.param(rule, example, id=f"{rule.code}-{example.title}") for rule in RULES for example in rule.good]
EACH = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
EACH_ERROR = pytest.mark.parametrize("rule", ERRORS, ids=lambda rule: rule.code)


def linked(example: Example):
    return link([extract(path, text.encode()) for path, text in example.files.items()])


def places(findings):
    return {(finding.rule, finding.place.path, finding.place.line) for finding in findings}


@pytest.mark.parametrize(("rule", "example"), BAD)
def test_bad_examples_are_reported_where_they_say(rule, example):
    found = list(rule.check(linked(example)))
    assert {(f.place.path, f.place.line) for f in found} == example.expected(rule.code)
    assert example.expected(rule.code)
    for finding in found:
        assert finding.rule == rule.code
        assert finding.name == rule.name
        assert finding.message
        assert finding.symbol
        assert finding.evidence
        assert finding.confidence in ("high", "medium", "low")


@pytest.mark.parametrize(("rule", "example"), BAD)
def test_bad_examples_have_no_error_that_they_do_not_mark(rule, example):
    graph = linked(example)
    found = [finding for known in RULES for finding in known.check(graph)]
    assert places(f for f in found if f.severity is Severity.ERROR) <= example.marks
    assert example.marks <= places(found)


@pytest.mark.parametrize(("rule", "example"), GOOD)
def test_good_examples_are_silent(rule, example):
    assert not example.expected(rule.code)
    assert [(f.place.path, f.place.line, f.message) for f in rule.check(linked(example))] == []


@pytest.mark.parametrize(("rule", "example"), [*BAD, *GOOD])
def test_examples_are_python(rule, example):
    for path, text in example.files.items():
        ast.parse(text, path)


@EACH
def test_examples_differ(rule):
    examples = [*rule.bad, *rule.good]
    assert len({example.title for example in examples}) == len(examples)
    assert len({tuple(sorted(example.files.items())) for example in examples}) == len(examples)


@EACH_ERROR
def test_error_rules_have_six_bad_and_six_good_examples(rule):
    assert len(rule.bad) >= 6
    assert len(rule.good) >= 6


@EACH_ERROR
def test_error_rules_have_examples_of_several_files(rule):
    assert any(len(example.files) > 1 for example in rule.bad)
    assert any(len(example.files) > 1 for example in rule.good)


FRAMEWORKS = {
    "PyTorch": r"\btorch\b|\.backward\(",
    "Keras": r"\b(keras|tensorflow|tf)\b|\.(fit|predict|train_on_batch)\(",
    "JAX": r"\b(jax|jnp)\b",
}


def style(example: Example) -> tuple[object, ...]:
    """What an example is written with: the framework, the container, classes or none, a tree or none, the files."""
    text = "\n".join(example.files.values())
    arrays = re.search(r"(np|torch|jnp)\.(zeros|ones|empty)", text)
    return (
        tuple(name for name, pattern in FRAMEWORKS.items() if re.search(pattern, text)),
        "deque" if "deque(" in text else "array" if arrays else "list",
        bool(re.search(r"^class ", text, re.MULTILINE)),
        bool(re.search(r"//=? 2\b|\*= 2\b|2 \* \w+ \+ 1", text)),
        len(example.files) > 1,
    )


@EACH_ERROR
def test_error_rules_have_bad_examples_in_three_styles(rule):
    assert len({style(example) for example in rule.bad}) >= 3


@EACH
def test_documentation_has_the_fixed_headings(rule):
    sections = re.split(r"^## (.+)$", rule.documentation(), flags=re.MULTILINE)
    assert tuple(sections[1::2]) == HEADINGS
    assert all(text.strip() for text in sections[2::2])
    assert sections[0].splitlines()[0].endswith(".")


@EACH
def test_documentation_has_a_reference(rule):
    assert re.search(r"^- \S", rule.documentation().partition("## References\n")[2], re.MULTILINE)


@EACH
def test_witness_shows_the_defect_in_one_line(rule):
    said = rule.witness()
    assert said.strip()
    assert "\n" not in said


@EACH
def test_witness_says_the_same_on_every_run(rule):
    assert rule.witness() == rule.witness()


@EACH
def test_each_rule_is_a_file_of_its_own(rule):
    expected = f"{rule.code.lower()}_{rule.name.replace('-', '_')}.py"
    assert inspect.getfile(type(rule)).endswith(expected)


def test_codes_and_names_are_unique():
    assert len({rule.code for rule in RULES}) == len({rule.name for rule in RULES}) == len(RULES)


def test_a_line_may_be_marked_with_several_codes():
    example = Example("", {"a.py": "x = 1  # <- PER001 PER004\ny = 2\nz = 3  # <- PER001\n"})
    assert example.marks == {("PER001", "a.py", 1), ("PER004", "a.py", 1), ("PER001", "a.py", 3)}
    assert example.expected("PER001") == {("a.py", 1), ("a.py", 3)}
    assert example.plain == {"a.py": "x = 1\ny = 2\nz = 3\n"}


def test_rules_are_imported_without_numpy() -> None:
    """Each scan imports all rules; numpy is for their witnesses, and takes as long to import as they do."""
    code = "import sys; from per_audit.rule import all_rules; all_rules(); sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0, "import numpy inside witness()"
