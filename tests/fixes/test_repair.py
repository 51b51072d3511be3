"""What all repairs have in common: found by their files, honest offers, and nothing that the audit would not pass."""

import json
import re

import pytest

from per_audit.audit import audit_report
from per_audit.findings import Applicability
from per_audit.fixes.plan import FixOptions
from per_audit.fixes.repair import all_repairs
from per_audit.fixes.run import fix
from per_audit.rule import all_rules
from per_audit.settings import Settings

from .recipes.repairs.repairing import changed, check_left, example
from .rewriting import run

RULES = {rule.code: rule for rule in all_rules()}
EXAMPLES = [
    pytest.param(code, each.plain, id=f"{code}-{each.title}")
    for code in sorted(all_repairs())
    for each in RULES[code].bad
]
SEGMENT = "a method's total"


def test_each_repair_is_for_a_rule():
    assert all_repairs().keys() <= RULES.keys()
    assert all(re.fullmatch(r"[a-z-]+", name) for name, _ in all_repairs().values())


@pytest.mark.parametrize(("code", "files"), EXAMPLES)
def test_every_example_is_repaired_or_left_with_a_reason(code, files):
    result, found = run(files, codes=(code,), unsafe=True)
    left = [finding.rule for finding in result.report.findings]
    assert bool(left) == bool(result.refused)
    assert all(refusal.why.value == "manual" and refusal.reason for refusal in result.refused)
    assert (found != files) == bool(result.applied)
    for text in found.values():
        compile(text, "result", "exec")


@pytest.mark.parametrize(("code", "files"), EXAMPLES[::5])
def test_an_offer_is_what_fix_does(code, files, tmp_path):
    for path, text in files.items():
        (tmp_path / path).write_text(text)
    settings = Settings(tmp_path, select=(code,))
    offers = [finding.fix for finding in audit_report(tmp_path, [tmp_path], settings).findings]
    result = fix(tmp_path, [], settings, FixOptions(diff=True, unsafe=True, allow_dirty=True))
    can = [offer.recipe for offer in offers if offer.applicability in (Applicability.SAFE, Applicability.UNSAFE)]
    assert can == [plan.recipe for plan in result.applied]
    assert all(offer.reason for offer in offers if offer.applicability is Applicability.MANUAL)


@pytest.mark.parametrize("ending", ["\r\n", "\n"])
@pytest.mark.parametrize("indent", ["\t", "  "])
def test_the_layout_of_a_file_stays(ending, indent):
    files = {
        path: text.replace("    ", indent).replace("\n", ending) for path, text in example("PER305", SEGMENT).items()
    }
    result, found = run(files, codes=("PER305",))
    assert len(result.applied) == 1
    assert found == changed(files, ("self.tree.total() // n", "self.tree.total() / n"))


def test_a_notebook_is_left():
    memory = example("PER305", SEGMENT)
    cell = '{"cells": [{"cell_type": "code", "source": %s, "metadata": {}, "outputs": []}], "metadata": {}}'
    one = "\n".join(re.sub(r"from (memory|tree) import \w+\n", "", text) for text in memory.values())
    check_left("PER305", {"per.ipynb": cell % json.dumps(one.splitlines(keepends=True))}, "no plain Python file")


def test_what_is_suppressed_stays():
    files = changed(
        example("PER305", SEGMENT), ("total() // n\n", "total() // n  # per-audit: ignore[PER305] whole numbers\n")
    )
    result, found = run(files, codes=("PER305",), unsafe=True)
    assert (result.applied, found) == ([], files)


def test_undo_takes_a_repair_back(tmp_path):
    from per_audit.fixes.journal import undo

    files = example("PER305", SEGMENT)
    for path, text in files.items():
        (tmp_path / path).write_text(text)
    result = fix(tmp_path, [], Settings(tmp_path, select=("PER305",)), FixOptions(allow_dirty=True))
    assert result.written
    assert not result.copied
    assert "total() / n" in (tmp_path / "memory.py").read_text()
    undo(tmp_path)
    assert {path: (tmp_path / path).read_text() for path in files} == files
