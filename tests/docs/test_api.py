"""docs/api.md is what the docstrings say."""

import importlib.util
import re
import sys
from pathlib import Path

import pytest

import experience_replay_optimizer

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def make_api():
    spec = importlib.util.spec_from_file_location("make_api", DOCS / "make_api.py")
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, spec.name, module)  # dataclasses look their module up
        spec.loader.exec_module(module)
        yield module


def test_the_reference_is_up_to_date(make_api):
    committed = (DOCS / "api.md").read_text(encoding="utf-8")
    assert committed == make_api.render(), "run: python docs/make_api.py"


def test_each_public_name_has_an_entry_and_nothing_of_the_inside_has(make_api):
    headings = [line.lstrip("# ") for line in make_api.render().splitlines() if line.startswith("### ")]
    assert set(experience_replay_optimizer.__all__) <= set(headings)
    assert not [heading for heading in headings if heading.startswith("_")]


def test_links_lead_to_headings(make_api):
    text = make_api.render()
    seen, anchors = {}, set()
    for line in text.splitlines():
        if line.startswith("#"):
            anchor = line.lstrip("# ").replace("`", "").replace(".", "").replace(" ", "-").lower()
            anchors.add(f"{anchor}-{seen[anchor]}" if anchor in seen else anchor)
            seen[anchor] = seen.get(anchor, 0) + 1
    links = set(re.findall(r"\]\(#([^)]*)\)", text))
    assert links
    assert links <= anchors


def test_sections_become_lists_and_nothing_in_prose_is_markup(make_api):
    docstring = """Of shape (B, *n) in `a*b*c`.

    x * y

Args:
    first, second: one
        more of it.
    third: <0.

An afterword.

Returns:
    (a, b): both.
"""
    assert make_api.markdown(docstring).splitlines() == [
        "Of shape (B, \\*n) in `a*b*c`.",
        "",
        "    x * y",
        "",
        "**Args**",
        "",
        "- `first, second`: one",
        "  more of it.",
        "- `third`: \\<0.",
        "",
        "An afterword.",
        "",
        "**Returns**",
        "",
        "(a, b): both.",
    ]
