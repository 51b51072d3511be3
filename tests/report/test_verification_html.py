from __future__ import annotations

import re

from per_audit.report.verification_html import render
from per_audit.verify.results import CheckResult, Picture, Series, TargetResult, Verdict, Verification

from .htmlpage import Page

PICTURE = Picture("Sampled", "TD error", "share", (Series("drawn", ((0.1, 0.2), (0.3, 0.4)), "dots", True),))


def sample():
    checks = [
        CheckResult(
            "frequencies", Verdict.FAIL, 245.75, 97.22, 3, 1.5, "<script>alert(1)</script>", "G", picture=PICTURE
        ),
        CheckResult("seed", Verdict.NOT_PROVIDED, None, None, 3, 0.0, "none"),
    ]
    target = TargetResult("replay.py:<Buffer>", {"add": "add(), by name"}, {}, checks, {}, "one\n<two>\x1b\n")
    return Verification([target], 3, complete=False, seconds=2.0)


def test_the_page_is_whole_and_loads_nothing():
    text = render(sample())
    page = Page(text)
    assert page.addresses == ["data:,"]
    assert "script" not in page.tags
    assert not re.search(r"url\(|@import|https?://(?!www\.w3\.org/2000/svg)", text)
    assert page.tags.count("svg") == 1
    assert page.tags.count("tr") == 3


def test_what_the_page_says():
    words = " ".join(Page(render(sample())).words)
    for expected in ("FAIL", "246 <= 97.2", "<script>alert(1)</script>", "replay.py:<Buffer>", "NOT PROVIDED", "<two>"):
        assert expected in words
    assert "Only some checks were run." in words
    assert "\x1b" not in words


def test_dark_and_narrow_screens_have_rules():
    text = render(sample())
    assert "prefers-color-scheme: dark" in text
    assert "max-width: 40rem" in text
    assert "width=device-width" in text


def test_every_colour_of_the_style_is_defined_in_both_schemes():
    text = render(sample())
    used = set(re.findall(r"var\((--[a-z]+)\)", text))
    light, dark = text.split("prefers-color-scheme: dark")
    assert used
    assert all(f"{name}:" in light and f"{name}:" in dark.split("}")[0] for name in used)
