"""What `per-audit fix` would do about each finding of a scan, said in the report of the scan."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from per_audit.findings import FixOffer
from per_audit.fixes.plan import FixOptions
from per_audit.fixes.planner import plan_fixes

if TYPE_CHECKING:
    from per_audit.audit import Audit
    from per_audit.findings import Report


def with_offers(audit: Audit) -> Report:
    """The report of an audit, each finding that has a plan with what the plan says of itself."""
    offers = {
        finding: FixOffer(plan.applicability, plan.recipe, plan.title, plan.reason)
        for plan in plan_fixes(audit, FixOptions())
        for finding in plan.findings
    }
    findings = [replace(finding, fix=offers.get(finding.id, finding.fix)) for finding in audit.report.findings]
    return replace(audit.report, findings=findings)
