from __future__ import annotations

import json

import pytest

from per_audit.report.checks import check_json, check_markdown, check_page
from per_audit.verify.run import available_checks


@pytest.mark.parametrize("name", available_checks())
def test_every_page_says_what_the_check_cannot_see(name):
    check = available_checks()[name]
    text = check_markdown(check)
    for heading in ("Statistic", "Error rate", "What it does not see", "Run it alone"):
        assert f"\n## {heading}\n" in text
    assert check.statistic[1:] in text
    assert check.blind_spot[1:] in text
    assert f"--check {name}\n" in text
    assert "at most" in text or "at least" in text or "below" in text


def test_other_forms():
    check = available_checks()["weights"]
    document = json.loads(check_json(check))
    assert document["docs"] == "docs/checks/weights.md"
    assert document["summary"] == document["documentation"].splitlines()[0]
    assert "\x1b[" in check_page(check, formatted=True)
    assert check_page(check, formatted=False) == check_markdown(check)
