from __future__ import annotations

from per_audit.report.comparison_markdown import render


def test_everything_that_was_found(comparison):
    lines = render(comparison).splitlines()
    assert lines[0] == "# per-audit compare: INCONCLUSIVE"
    assert lines[2] == "no difference shown: \\<return\\> -0.25"
    assert "| runs | 2 | 2 |" in lines
    assert "| 20 | 3 | 3 |" in lines
    assert "- note: after: 1 of 2 runs crashed" in lines


def test_what_came_to_nothing(no_comparison):
    text = render(no_comparison)
    assert text.startswith("# per-audit compare: ERROR\n\nthe command hangs\n")
    assert "|---" not in text
