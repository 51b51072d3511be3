from __future__ import annotations

import json

import jsonschema
import pytest

from per_audit import __version__
from per_audit.findings import Report
from per_audit.report import json as json_report
from per_audit.report import render


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(json_report.schema())


def test_every_document_conforms(report: Report) -> None:
    for each in (report, Report("/r")):
        jsonschema.validate(json.loads(render(each, "json")), json_report.schema())


@pytest.mark.parametrize(
    "spoil",
    [
        lambda document: document.pop("notices"),
        lambda document: document["findings"][0].pop("id"),
        lambda document: document["findings"][0].update(severity="fatal"),
        lambda document: document["findings"][0].update(path="/absolute.py"),
        lambda document: document["findings"][0]["fix"].update(applicability="maybe"),
        lambda document: document["findings"][0]["evidence"][0].pop("role"),
        lambda document: document.update(extra=1),
    ],
)
def test_the_schema_tells_wrong_documents(report: Report, spoil: object) -> None:
    document = json_report.document(report)
    spoil(document)  # type: ignore[operator]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, json_report.schema())


def test_the_document(report: Report) -> None:
    document = json.loads(render(report, "json"))
    assert list(document) == ["schema_version", "tool", "root", "summary", "findings", "pipelines", "notices"]
    assert document["tool"] == {"name": "per-audit", "version": __version__}
    assert document["summary"] == {
        "files": 3,
        "pipelines": 1,
        "findings": 2,
        "by_severity": {"error": 1, "warning": 1, "info": 0},
        "by_rule": {"PER001": 1, "PER101": 1},
        "by_fix": {"safe": 1, "unsafe": 0, "manual": 1, "none": 0},
        "suppressed": 1,
        "known": 0,
        "stale": 0,
        "unchanged": 0,
        "notices": 1,
    }
    assert document["findings"][0] == {
        "id": "0123456789abcdef",
        "rule": "PER001",
        "name": "uniform-only-sampling",
        "severity": "error",
        "confidence": "high",
        "message": "transitions are drawn uniformly",
        "path": "agent.py",
        "cell": None,
        "line": 6,
        "column": 17,
        "end_line": 6,
        "end_column": 47,
        "symbol": "Agent.learn",
        "pipeline": "Agent",
        "evidence": [
            {
                "path": "lib/memory.py",
                "cell": None,
                "line": 12,
                "column": 9,
                "end_line": 12,
                "end_column": 20,
                "role": "buffer",
                "note": "a deque of 10,000 transitions",
            },
            {
                "path": "agent.py",
                "cell": None,
                "line": 6,
                "column": 17,
                "end_line": 6,
                "end_column": 47,
                "role": "draw",
                "note": "drawn here",
            },
        ],
        "fix": {
            "applicability": "safe",
            "recipe": "container-swap",
            "title": "Make the deque a prioritised buffer",
            "reason": "",
        },
        "docs": "docs/rules/PER001.md",
        "explain": "per-audit explain PER001",
    }
    assert document["notices"] == [
        {"path": "old.py", "cell": None, "line": 3, "kind": "unparsable-file", "message": "not audited: Python 2"}
    ]
