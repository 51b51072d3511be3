from __future__ import annotations

from per_audit.report.verification_markdown import plain, render
from per_audit.verify.results import CheckResult, TargetResult, Verdict, Verification


def test_a_table_a_target():
    checks = [
        CheckResult("reach", Verdict.PASS, 0.0, 0.0, 3, 0.25, "all were drawn", "slots missed"),
        CheckResult("frequencies", Verdict.FAIL, 245.75, 97.22, 3, 1.5, "a | b\n<script>", "G"),
    ]
    target = TargetResult("replay.py:Buffer", {"add": "add(), by name"}, {}, checks)
    lines = render(Verification([target], 3, complete=False, seconds=2.0)).splitlines()
    assert lines[0] == "# per-audit verify: FAIL"
    assert "## replay.py:Buffer: FAIL" in lines
    assert "- add: add(), by name" in lines
    assert "| reach | PASS | 0 \\<= 0 | 0.2 s | all were drawn |" in lines
    assert "| frequencies | **FAIL** | 246 \\<= 97.2 | 1.5 s | a \\| b \\<script\\> |" in lines
    assert lines[-1] == "Seed 3, 2 s. Only some checks were run."


def test_nothing_has_a_meaning_in_markdown():
    assert plain("*a* _b_ [c](d) `e`\x1b") == "\\*a\\* \\_b\\_ \\[c\\](d) \\`e\\`\ufffd"
