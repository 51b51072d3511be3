"""`per-audit compare`: the user's own training command before and after a change, over seeds."""

from per_audit.compare.options import Options
from per_audit.compare.results import Comparison, Run
from per_audit.compare.run import compare

__all__ = ["Comparison", "Options", "Run", "compare"]
