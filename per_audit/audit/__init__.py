"""The audit: files -> parts that may influence each other -> what is found in each -> one report."""

from per_audit.audit.outcome import Audit
from per_audit.audit.run import FactsCache, Outcomes, Progress, audit, audit_report

__all__ = ["Audit", "FactsCache", "Outcomes", "Progress", "audit", "audit_report"]
