"""A verification as JUnit XML: a suite a target, a case a check."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from per_audit.report.frame import printable
from per_audit.verify.results import CheckResult, Verdict, Verification

if TYPE_CHECKING:
    from collections.abc import Iterable

# A check that says nothing against a buffer fails no pipeline: `--strict` and the exit code are there for that.
_ELEMENTS = {
    Verdict.FAIL: "failure",
    Verdict.REGRESSION: "failure",
    Verdict.ERROR: "error",
    Verdict.INCONCLUSIVE: "skipped",
    Verdict.NOT_PROVIDED: "skipped",
}


def render(verification: Verification) -> str:
    """The document as text, ending in a newline."""
    every = [check for target in verification.targets for check in target.checks]
    root = ET.Element("testsuites", {"name": "per-audit verify", **_counts(every, verification.seconds)})
    for target in verification.targets:
        seconds = sum(check.seconds for check in target.checks)
        suite = ET.SubElement(root, "testsuite", {"name": printable(target.target), **_counts(target.checks, seconds)})
        properties = ET.SubElement(suite, "properties")
        for name, value in {"seed": str(verification.seed), **target.mapping}.items():
            ET.SubElement(properties, "property", {"name": name, "value": printable(value)})
        for check in target.checks:
            _case(suite, target.target, check)
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=False) + "\n"


def _counts(checks: Iterable[CheckResult], seconds: float) -> dict[str, str]:
    kinds = [_ELEMENTS.get(check.verdict, "") for check in checks]
    counts = {"tests": len(kinds), "failures": kinds.count("failure"), "errors": kinds.count("error")}
    counts["skipped"] = kinds.count("skipped")
    return {**{name: str(count) for name, count in counts.items()}, "time": f"{seconds:.3f}"}


def _case(suite: ET.Element, target: str, check: CheckResult) -> None:
    attributes = {"classname": printable(target), "name": check.check, "time": f"{check.seconds:.3f}"}
    case = ET.SubElement(suite, "testcase", attributes)
    text = printable(f"{check.message} (seed {check.seed})")
    if check.statistic is not None and check.threshold is not None:
        text += f"\n{check.statistic_name}: {check.statistic:.6g} {check.relation} {check.threshold:.6g}"
    kind = _ELEMENTS.get(check.verdict)
    if kind is None:
        ET.SubElement(case, "system-out").text = text
        return
    found = ET.SubElement(case, kind, {"message": printable(f"{check.verdict.value}: {check.message}")})
    if kind != "skipped":
        found.set("type", check.verdict.value)
    found.text = text
