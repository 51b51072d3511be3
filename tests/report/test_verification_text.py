from __future__ import annotations

from per_audit.report.verification_text import render
from per_audit.verify.results import CheckResult, TargetResult, Verdict, Verification


def sample(verdict=Verdict.FAIL):
    checks = [
        CheckResult("reach", Verdict.PASS, 0.0, 0.0, 3, 0.25, "all were drawn", "slots missed"),
        CheckResult("frequencies", verdict, 245.75, 97.22, 3, 1.5, "alpha = [bold]0.36[/bold]\x1b[31m", "G"),
        CheckResult("seed", Verdict.NOT_PROVIDED, None, None, 3, 0.0, "none"),
        CheckResult("weights", Verdict.FAIL, None, 0.02, 3, 0.0, "not finite", "deviation"),
    ]
    target = TargetResult("replay.py:Buffer", {"add": "add(), by name"}, {}, checks, {}, "one\ntwo\n")
    return Verification([target], 3, complete=False, seconds=2.0)


def test_table():
    text = render(sample(), width=120)
    lines = text.splitlines()
    assert lines[0] == "replay.py:Buffer: FAIL"
    assert "  add: add(), by name" in lines
    assert any(
        all(word in line for word in ("reach", "PASS", "0 <= 0", "3", "0.2 s", "slots missed")) for line in lines
    )
    assert any("246 <= 97.2" in line for line in lines)
    assert any("- <= 0.02" in line for line in lines)
    assert "  | two" in lines
    assert "4 checks in 2 s: 1 PASS, 2 FAIL, 1 NOT PROVIDED" in text
    assert "Only some checks were run." in text


def test_messages_are_neither_markup_nor_escapes():
    text = render(sample())
    assert "[bold]0.36[/bold]" in text
    assert "\x1b" not in text


def test_colour():
    assert "\x1b[" in render(sample(), colour=True)
