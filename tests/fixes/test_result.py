"""What a run of `fix` amounts to."""

from __future__ import annotations

from pathlib import Path

import pytest

from per_audit.findings import Applicability, Finding, Place, Report, Severity
from per_audit.fixes.plan import FixOptions, Plan
from per_audit.fixes.result import FixResult, Refusal, Why
from per_audit.fixes.transaction import Change

FINDING = Finding("PER005", "n", Severity.WARNING, "high", "m", Place("a.py", 1, 1, 1, 2), "a", id="0")
CHANGE = Change("a.py", b"a\n", b"b\n")
COPY = Change("z.py", None, b"z\n")


def result(findings=(), whys=(), changes=(), copied=(), diff=False, fail_on="info"):
    plan = Plan("p", "t", "r", Applicability.MANUAL)
    return FixResult(
        Path("/r"),
        Path("/r"),
        FixOptions(diff=diff),
        Report("/r", list(findings)),
        fail_on,
        refused=[Refusal(plan, why, "") for why in whys],
        changes=list(changes),
        copied=list(copied),
    )


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({}, 0),
        ({"changes": [CHANGE]}, 0),
        ({"findings": [FINDING]}, 1),
        ({"findings": [FINDING], "fail_on": "error"}, 0),
        ({"findings": [FINDING], "fail_on": "error", "whys": [Why.MANUAL, Why.NONE, Why.UNSAFE]}, 0),
        ({"whys": [Why.FAILED]}, 1),
        ({"diff": True}, 0),
        ({"diff": True, "findings": [FINDING]}, 0),
        ({"diff": True, "changes": [CHANGE]}, 1),
        ({"diff": True, "copied": [COPY]}, 1),
    ],
)
def test_the_exit_code(given, code):
    assert result(**given).exit_code == code


def test_the_diff_has_the_users_files_and_then_the_copies():
    text = result(changes=[CHANGE], copied=[COPY]).diff.decode()
    assert text.index("a.py") < text.index("z.py")
    assert "-a\n+b\n" in text
    assert result().diff == b""
