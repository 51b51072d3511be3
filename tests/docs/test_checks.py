"""docs/checks/ is what the checks say, and what was measured of them."""

import importlib.util
import re
from pathlib import Path

import pytest

from per_audit.verify.run import available_checks

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def pages():
    spec = importlib.util.spec_from_file_location("make_checks", DOCS / "make_checks.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.render()


def test_the_pages_are_up_to_date(pages):
    committed = {path.name: path.read_text(encoding="utf-8") for path in (DOCS / "checks").glob("*.md")}
    assert sorted(committed) == sorted(pages), "run: python docs/make_checks.py"
    for name, text in pages.items():
        assert committed[name] == text, "run: python docs/make_checks.py"


def test_each_check_has_a_page(pages):
    for name, check in available_checks().items():
        assert pages[f"{name}.md"].startswith(f"# {name}\n\n{(check.__doc__ or '').splitlines()[0]}\n")
        assert f"[{name}]({name}.md)" in pages["README.md"]


def test_links_lead_to_files(pages):
    for text in pages.values():
        for target in re.findall(r"\]\(([^)#]+)\)", text):
            assert (DOCS / "checks" / target).exists(), target


def test_no_sound_buffer_failed_and_every_fault_was_found(pages):
    found = 0
    for text in pages.values():
        sound_part, _, faulty_part = text.partition("Buffers with one fault each")
        assert {failed for *_, failed in _rows(sound_part)} <= {"0"}
        assert all(runs == caught for _, runs, caught in _rows(faulty_part))
        found += len(_rows(text))
    assert found > 80
    sound = re.findall(r"^\| correct \| (\d+) \| (\d+) \|$", pages["frequencies.md"], re.MULTILINE)
    assert int(sound[0][0]) >= 20
    assert "alpha twice" in [fault for fault, *_ in _rows(pages["frequencies.md"])]


def _rows(text):
    return re.findall(r"^\| ([a-z ]+) \| (\d+) \| (\d+) \|$", text, re.MULTILINE)
