"""The degree of alpha: how often a term was raised to the exponent of prioritisation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.graph.symbolic.term import Term, strip

if TYPE_CHECKING:
    from per_audit.graph.symbolic.symbols import Symbols


def is_alpha(exponent: Term) -> bool:
    """Whether an exponent is a setting between 0 and 1: neither a square, nor a root, nor negative like -beta."""
    exponent = strip(exponent)
    if exponent.is_number:
        return 0 < (exponent.number or 0) < 1 and exponent.number != 0.5
    return exponent.op in ("field", "param", "global", "external", "item", "call", "phi")


def degree(term: Term, symbols: Symbols, depth: int = 4) -> frozenset[int] | None:
    """The possible numbers of times that alpha was applied to the term; None where a part of it is not known.

    A parameter that nobody passes, and a draw, count as not raised.
    """
    term = strip(term)
    op = term.op
    if op == "pow":
        below = degree(term.args[0], symbols, depth)
        step = 1 if is_alpha(term.args[1]) else 0
        return None if below is None else frozenset(n + step for n in below)
    if op == "phi":
        return _union([degree(arg, symbols, depth) for arg in term.args])
    if op in ("field", "param"):
        options = symbols.options(term) if depth else []
        return _union([degree(option, symbols, depth - 1) for option in options]) if options else frozenset((0,))
    if op in ("maximum", "minimum"):
        return _union([degree(arg, symbols, depth) for arg in term.args if not arg.is_number])
    if op in ("add", "sub", "mul", "div", "clip", "max", "min", "mean", "item", "at", "slice", "abs", "neg", "found"):
        known = [degree(arg, symbols, depth) for arg in term.args if not arg.is_number and arg.op != "const"]
        return None if None in known else frozenset((max((max(k) for k in known if k), default=0),))
    return frozenset((0,)) if not term.has("unknown", "call") else None


def _union(known: list[frozenset[int] | None]) -> frozenset[int] | None:
    if None in known:
        return None
    return frozenset().union(*(k for k in known if k is not None))
