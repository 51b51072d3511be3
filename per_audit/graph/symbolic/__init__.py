"""Expressions as terms: what a value was computed from, through names, branches, calls, files and objects."""

from per_audit.graph.symbolic.context import Context, contexts
from per_audit.graph.symbolic.shape import Shapes
from per_audit.graph.symbolic.symbols import Symbols
from per_audit.graph.symbolic.term import UNKNOWN_TERM, Term, alternatives, strip

__all__ = ["UNKNOWN_TERM", "Context", "Shapes", "Symbols", "Term", "alternatives", "contexts", "strip"]
