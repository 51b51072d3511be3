"""Whether a project hands its buffer the magnitudes of TD errors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.graph.symbolic import Term, alternatives, strip
from per_audit.graph.symbolic.sign import not_negative

if TYPE_CHECKING:
    from per_audit.graph.model import ReplayBuffer, ReplayGraph
    from per_audit.graph.symbolic import Symbols

_DEEPEST = 5


def takes_magnitudes(graph: ReplayGraph, buffer: ReplayBuffer) -> bool:
    """Whether the project hands its buffer magnitudes only, as far as its updates can be followed."""
    writes = [write for write in graph.anatomy(buffer).writes if not write.inserts]
    return bool(writes) and all(_never_negative(graph.symbols, write.value, _DEEPEST) for write in writes)


def _never_negative(symbols: Symbols, term: Term, depth: int) -> bool:
    found = alternatives(strip(term))
    return bool(found) and all(_is_magnitude(symbols, option, depth) for option in found)


def _is_magnitude(symbols: Symbols, term: Term, depth: int) -> bool:
    known = not_negative(term, symbols)
    if known is not None or not depth:
        return known is True
    if term.op in ("param", "field"):
        options = symbols.options(term)
        return bool(options) and all(_never_negative(symbols, option, depth - 1) for option in options)
    inside = term.args if term.op in ("add", "minimum", "stack") else term.args[:1]
    passes_on = ("add", "minimum", "stack", "pow", "at", "element", "item", "slice", "mean", "sum", "max", "gather")
    return bool(inside) and term.op in passes_on and all(_never_negative(symbols, arg, depth - 1) for arg in inside)
