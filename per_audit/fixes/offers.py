"""What `per-audit fix` would do about each finding of a scan, said in the report of the scan."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from per_audit.findings import Applicability, FixOffer
from per_audit.fixes.plan import FixOptions
from per_audit.fixes.planner import plans_for

if TYPE_CHECKING:
    from collections.abc import Sequence

    from per_audit.findings import Finding
    from per_audit.graph import ReplayGraph


def offered(findings: Sequence[Finding], graph: ReplayGraph) -> list[Finding]:
    """The findings in what `graph` describes, each that has a plan with what the plan says of itself.

    Of several plans for one finding, the first that `fix` can carry out speaks.
    """
    plans = plans_for(findings, [graph], FixOptions())
    offers: dict[str, FixOffer] = {}
    for plan in sorted(plans, key=lambda plan: plan.applicability is Applicability.MANUAL):
        for finding in plan.findings:
            offers.setdefault(finding, FixOffer(plan.applicability, plan.recipe, plan.title, plan.reason))
    return [replace(finding, fix=offers.get(finding.id, finding.fix)) for finding in findings]
