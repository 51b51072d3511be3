"""The largest value that a term can have, where it is told: what a number, a clip, or a minimum with one is held to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from per_audit.graph.symbolic.sign import not_negative
from per_audit.graph.symbolic.term import Term, strip

if TYPE_CHECKING:
    from collections.abc import Iterable

    from per_audit.graph.symbolic.symbols import Symbols

_KEEPS = {"item", "at", "slice", "max", "min", "mean", "gather", "loop", "sort"}
_DEPTH = 4


def largest(term: Term, symbols: Symbols, depth: int = _DEPTH) -> float | None:
    """The number that no value of a term is above; None where none is known."""
    term = strip(term)
    op = term.op
    if term.is_number:
        return term.number
    if op == "minimum":
        return min(_known(term.args, symbols, depth), default=None)
    if op == "clip":
        return largest(term.args[2], symbols, depth) if len(term.args) > 2 else None
    if op == "pow":
        return _of_power(term, symbols, depth)
    if op in ("maximum", "phi"):
        return _of_all(term.args, symbols, depth)
    if op in ("field", "param") and depth:
        return _of_all(symbols.options(term), symbols, depth - 1)
    return largest(term.args[0], symbols, depth) if op in _KEEPS and term.args else None


def stays(field: Term, options: Iterable[Term], symbols: Symbols) -> bool:
    """Whether a field is the largest value of some so far, and none of them is above the number it starts with."""
    found = [strip(option) for option in options]
    starts = [option.number for option in found if option.number is not None]
    running = [option for option in found if not option.is_number]
    if len(set(starts)) != 1 or not running:
        return False
    return all(_keeps(field, option, starts[0], symbols) for option in running)


def _keeps(field: Term, option: Term, start: float, symbols: Symbols) -> bool:
    """Whether the maximum of a field and of what is never above its start is made."""
    if option.op != "maximum" or field not in map(strip, option.args):
        return False
    above = _of_all([arg for arg in option.args if strip(arg) != field], symbols, _DEPTH)
    return above is not None and above <= start


def _known(terms: Iterable[Term], symbols: Symbols, depth: int) -> list[float]:
    found = (largest(term, symbols, depth) for term in terms)
    return [bound for bound in found if bound is not None]


def _of_all(terms: Iterable[Term], symbols: Symbols, depth: int) -> float | None:
    """What none of several is above; None where that is not known of each."""
    several = list(terms)
    found = _known(several, symbols, depth)
    return max(found) if several and len(found) == len(several) else None


def _of_power(power: Term, symbols: Symbols, depth: int) -> float | None:
    """Numbers from 0 to 1 stay so under an exponent above zero, which one that is a setting is taken for."""
    base, exponent = power.args
    bound = largest(base, symbols, depth)
    if bound is None or bound > 1 or exponent.op == "neg":
        return None
    number = exponent.number
    if number is None or 0 < number < 1:  # a root, which no negative number has
        return 1.0
    return 1.0 if number > 0 and not_negative(base, symbols) else None
