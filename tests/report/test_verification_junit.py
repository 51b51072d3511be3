from __future__ import annotations

from xml.etree import ElementTree as ET

from per_audit.report.verification_junit import render
from per_audit.verify.results import CheckResult, TargetResult, Verdict, Verification


def test_a_suite_a_target_and_a_case_a_check():
    checks = [
        CheckResult("reach", Verdict.PASS, 0.0, 0.0, 3, 0.25, "all were drawn", "slots missed"),
        CheckResult("frequencies", Verdict.FAIL, 245.75, 97.22, 3, 1.5, "alpha < 0.6 & \x1b[31m", "G"),
        CheckResult("seed", Verdict.NOT_PROVIDED, None, None, 3, 0.0, "none"),
        CheckResult("efficiency", Verdict.INCONCLUSIVE, 1.0, 1.1, 3, 0.0, "neither", "speed-up", ">="),
        CheckResult("memory", Verdict.ERROR, None, None, 3, 0.0, "killed"),
    ]
    targets = [
        TargetResult("replay.py:Buffer", {"add": "add()"}, {}, checks),
        TargetResult("a.py:B", checks=checks[:1]),
    ]
    text = render(Verification(targets, 3, complete=True, seconds=2.0))
    root = ET.fromstring(text)
    assert {name: root.get(name) for name in ("tests", "failures", "errors", "skipped")} == {
        "tests": "6",
        "failures": "1",
        "errors": "1",
        "skipped": "2",
    }
    first, second = root.findall("testsuite")
    assert (first.get("name"), second.get("tests")) == ("replay.py:Buffer", "1")
    assert {item.get("name"): item.get("value") for item in first.iter("property")} == {"seed": "3", "add": "add()"}
    cases = {case.get("name"): case for case in first.findall("testcase")}
    assert [child.tag for child in cases["reach"]] == ["system-out"]
    (failure,) = cases["frequencies"]
    assert (failure.tag, failure.get("type")) == ("failure", "FAIL")
    assert failure.get("message").startswith("FAIL: alpha < 0.6 &")
    assert "G: 245.75 <= 97.22" in failure.text
    assert [child.tag for child in cases["memory"]] == ["error"]
    assert [child.tag for name in ("seed", "efficiency") for child in cases[name]] == ["skipped"] * 2
