from __future__ import annotations

import json
import math

from per_audit.report.verification_json import render
from per_audit.verify.results import CheckResult, TargetResult, Verdict, Verification


def test_document():
    checks = [
        CheckResult("frequencies", Verdict.FAIL, math.inf, 97.0, 3, 0.5, "no law \u2705", "G"),
        CheckResult("seed", Verdict.NOT_PROVIDED, None, None, 3, 0.0, "none"),
    ]
    target = TargetResult("replay.py:Buffer", {"add": "add()"}, {"alpha": 0.6}, checks, {"/p/replay.py": "x"}, "")
    text = render(Verification([target], 3, complete=True, seconds=1.25))
    assert text.isascii()
    document = json.loads(text)
    assert document["schema_version"] == "1.0"
    assert document["tool"]["name"] == "per-audit"
    assert (document["verdict"], document["complete"], document["seconds"]) == ("FAIL", True, 1.25)
    (found,) = document["targets"]
    assert found["verdict"] == "FAIL"
    assert found["files"] == ["/p/replay.py"]
    assert found["checks"][0] == {
        "check": "frequencies",
        "verdict": "FAIL",
        "statistic": "inf",
        "statistic_name": "G",
        "relation": "<=",
        "threshold": 97.0,
        "seed": 3,
        "seconds": 0.5,
        "message": "no law \u2705",
    }
    assert found["checks"][1]["statistic"] is None
