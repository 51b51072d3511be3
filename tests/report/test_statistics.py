from __future__ import annotations

import json
from dataclasses import replace

import pytest

from per_audit.errors import UserError
from per_audit.findings import Report
from per_audit.report.statistics import render, statistics


def test_a_row_for_each_rule_the_most_frequent_first(report: Report) -> None:
    uniform, mean = report.findings
    elsewhere = replace(mean, place=replace(mean.place, path="b.py"))
    again = replace(mean, place=replace(mean.place, line=99))
    report.findings = [uniform, mean, again, *[elsewhere] * 8]
    assert statistics(report) == [
        {"rule": "PER101", "name": "weights-after-reduction", "severity": "warning", "count": 10, "files": 2},
        {"rule": "PER001", "name": "uniform-only-sampling", "severity": "error", "count": 1, "files": 1},
    ]
    assert render(report) == (
        "10  warning  PER101  weights-after-reduction  in 2 files\n"
        " 1  error    PER001  uniform-only-sampling    in 1 file\n"
    )


def test_json(report: Report) -> None:
    document = json.loads(render(report, "json"))
    assert document["statistics"] == statistics(report)
    assert document["summary"]["findings"] == 2
    assert document["tool"]["name"] == "per-audit"


def test_nothing_found() -> None:
    assert render(Report("/r", files=1)) == "No findings in 1 file.\n"
    assert json.loads(render(Report("/r"), "json"))["statistics"] == []


def test_formats_of_single_findings_have_no_statistics(report: Report) -> None:
    with pytest.raises(UserError, match="--statistics has no format 'sarif'; use --format text or json"):
        render(report, "sarif")
