"""docs/rules/ is what the rules say."""

import importlib.util
import re
from pathlib import Path

import pytest

from per_audit.catalogue import catalogue, docs_page

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def pages():
    spec = importlib.util.spec_from_file_location("make_rules", DOCS / "make_rules.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.render()


def test_the_pages_are_up_to_date(pages):
    committed = {path.name: path.read_text(encoding="utf-8") for path in (DOCS / "rules").glob("*.md")}
    assert sorted(committed) == sorted(pages), "run: python docs/make_rules.py"
    for name, text in pages.items():
        assert committed[name] == text, "run: python docs/make_rules.py"


def test_each_rule_has_the_page_that_its_findings_point_to(pages):
    for rule in catalogue():
        folder, _, name = docs_page(rule.code).rpartition("/")
        assert folder == "docs/rules"
        assert pages[name].startswith(f"# {rule.code} {rule.name}\n")


def test_links_lead_to_files(pages):
    for text in pages.values():
        prose = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
        for target in re.findall(r"\]\(([^)#]+)\)", prose):
            assert (DOCS / "rules" / target).exists(), target


def test_a_page_shows_the_files_of_an_example_and_what_the_witness_saw(pages):
    rule = next(rule for rule in catalogue() if any(len(example.files) > 1 for example in rule.bad))
    page = pages[f"{rule.code}.md"]
    for example in (*rule.bad, *rule.good):
        for path, text in example.files.items():
            assert f"`{path}`\n\n```python\n{text.rstrip()}\n```" in page
    assert f"> {rule.witness()}\n" in page
