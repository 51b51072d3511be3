from __future__ import annotations

import re

from per_audit.report.comparison_html import render

from .htmlpage import Page


def test_the_page_is_whole_and_loads_nothing(comparison):
    text = render(comparison)
    page = Page(text)
    assert page.addresses == ["data:,"]
    assert "script" not in page.tags
    assert not re.search(r"url\(|@import|https?://(?!www\.w3\.org/2000/svg)", text)
    assert page.tags.count("svg") == 2
    assert page.tags.count("polygon") == page.tags.count("polyline") == 2
    assert page.tags.count("circle") == 4


def test_what_the_page_says(comparison):
    words = " ".join(Page(render(comparison)).words)
    for expected in ("INCONCLUSIVE", "<return> -0.25", "after, seed 1", "crashed: ended with exit code 1: <b>|"):
        assert expected in words
    assert "\x1b" not in words


def test_what_came_to_nothing(no_comparison):
    page = Page(render(no_comparison))
    assert "svg" not in page.tags
    assert "the command hangs" in " ".join(page.words)
